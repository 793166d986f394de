"""``drillbook backup``: backups of groups of machines, taken, looked at again, and kept by rule."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from drillbook.app import App
from drillbook.cli.backup_text import newest_of, outcome_of, size_of, verdict_of, why_of
from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, DryRun, Inventories, open_app
from drillbook.cli.output import console, show, table
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError
from drillbook.machines.backups import (
    MachineBackups,
    TakenBackup,
    backups_by_machine,
    decide_backups,
    open_rules,
    prune_backups,
    refusals,
    take_all,
    verify_backups,
)
from drillbook.model import BackupRules, MachineGroup, format_instant
from drillbook.providers import Backups, find_each, open_backups
from drillbook.run.hold import hold

PAGE = "docs/how-to/backups.md"
app = typer.Typer(
    no_args_is_help=True,
    help="Backups of groups of machines.",
    epilog=examples("drillbook backup create shop", "drillbook backup list shop", page=PAGE),
)
GroupName = Annotated[
    str, typer.Argument(help="The inventory group; its drillbook_machines.backup say how.", metavar="GROUP")
]
Named = Annotated[
    str, typer.Option("--backup", help="A backup's identifier, or a run: all machines' backups of it.", metavar="NAME")
]


@dataclass(frozen=True, slots=True)
class _World:
    opened: App
    group: MachineGroup
    rules: BackupRules
    provider: Backups

    @property
    def workers(self) -> int:
        return self.opened.configuration.machines_at_once

    @property
    def held(self) -> tuple[MachineBackups, ...]:
        return backups_by_machine(self.group, self.provider.backups(self.group.hosts, self.rules))


def _open(opened: App, name: str) -> _World:
    group = opened.configuration.machine_group(name)
    rules = open_rules(group)
    return _World(opened, group, rules, open_backups(opened.configuration.provider(group.provider), opened.clock))


def _alone(opened: App, group: str) -> AbstractContextManager[None]:
    return hold(opened.configuration.state_directory, f"backups-{group}")


def _tell(line: str) -> None:
    console(stderr=True).print(line, markup=False)


@app.command(epilog=examples("drillbook backup create shop --check", "drillbook backup create shop", page=PAGE))
def create(group: GroupName, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Take a backup of every member.

    Exit code 3 when one failed, which stops no other; 1 when the provider warned of one.
    """
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        if check:
            _say_what_would_be_taken(world, as_json=as_json)
            return
        made = take_all(world.provider, opened.clock, world.group, workers=world.workers, tell=_tell)
    rows = [[one.host, *outcome_of(one)] for one in made]
    show(
        [
            {"host": one.host, "backup": one.backup and one.backup.as_json(), "error": one.error and str(one.error)}
            for one in made
        ],
        as_json=as_json,
        text=lambda screen: screen.print(table(["machine", "", "backup or why"], rows)),
    )
    if any(one.error for one in made):
        _say_failures(world.group, {one.host: one.error for one in made if one.error})
        raise typer.Exit(InfrastructureError.exit_code)
    if any(one.warnings for one in made):
        raise typer.Exit(1)


@app.command("list", epilog=examples("drillbook backup list shop", page=PAGE))
def list_backups(group: GroupName, inventory: Inventories = None, as_json: AsJson = False) -> None:
    """List the backups of every member.

    Those of one that is gone are listed, too. What drillbook did not take is not.
    """
    found = [taken for one in _open(open_app(inventory), group).held for taken in one.backups]
    rows = [
        [
            taken.host,
            format_instant(taken.taken_at),
            copy.identifier,
            copy.place,
            size_of(copy.size),
            verdict_of(copy.verified),
            "yes" if copy.protected else "no",
        ]
        for taken in found
        for copy in taken.copies
    ]
    show(
        [taken.as_json() for taken in found],
        as_json=as_json,
        text=lambda screen: screen.print(
            table(["machine", "taken", "backup", "place", "size", "verified", "protected"], rows)
        ),
    )


@app.command(epilog=examples("drillbook backup verify shop", page=PAGE))
def verify(group: GroupName, inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Say whether each member's backup is good.

    It is where one is whole and new enough. Exit code 1 when not. Only a drill proves what is in it.
    """
    opened = open_app(inventory)
    world = _open(opened, group)
    findings = verify_backups(
        world.provider, world.group, world.rules, world.held, now=opened.clock.now(), workers=world.workers
    )
    rows = [[one.host, "good" if one.good else "BAD", newest_of(one), why_of(one)] for one in findings]
    show(
        [one.as_json() for one in findings],
        as_json=as_json,
        text=lambda screen: screen.print(table(["machine", "", "newest good backup", "why"], rows)),
    )
    if not all(one.good for one in findings):
        raise typer.Exit(1)


@app.command(epilog=examples("drillbook backup prune shop --check", "drillbook backup prune shop", page=PAGE))
def prune(group: GroupName, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Remove the backups that no rule keeps.

    They are judged machine by machine. The newest good one and protected ones always stay. One that is dated into the future
    stays, counts for no rule, and makes the exit code 1.
    """
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        now = opened.clock.now()
        decisions = decide_backups(world.provider, world.group, world.rules, world.held, now=now, workers=world.workers)
        if not check:
            prune_backups(world.provider, world.group, world.rules, decisions, workers=world.workers, tell=_tell)
    gone = "would be removed" if check else "removed"
    rows = [
        [one.backup.host, one.backup.run, "kept" if one.kept else gone, ", ".join(one.reasons), one.fault or ""]
        for one in decisions
    ]
    show(
        [one.as_json() for one in decisions],
        as_json=as_json,
        text=lambda screen: screen.print(table(["machine", "run", "", "because", "what is wrong with it"], rows)),
    )
    if any(one.to_come for one in decisions):
        raise typer.Exit(1)


@app.command(epilog=examples("drillbook backup protect shop --backup drillbook-20260131T020000Z", page=PAGE))
def protect(
    group: GroupName, backup: Named, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False
) -> None:
    """Keep a backup from being removed.

    It stays, with its copies, until it is unprotected.
    """
    _set_protection(group, backup, inventory, protected=True, check=check, as_json=as_json)


@app.command(epilog=examples("drillbook backup unprotect shop --backup drillbook-20260131T020000Z", page=PAGE))
def unprotect(
    group: GroupName, backup: Named, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False
) -> None:
    """Let a backup be removed again, with its copies."""
    _set_protection(group, backup, inventory, protected=False, check=check, as_json=as_json)


def _set_protection(
    group: str, name: str, inventory: Inventories, *, protected: bool, check: bool, as_json: bool
) -> None:
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        chosen = _chosen(world, name)
        if not check:
            for copy in (copy for taken in chosen for copy in taken.copies):
                world.provider.protect(copy, protected=protected)
            chosen = _chosen(world, name)
    word = f"{'would be ' if check else ''}{'protected' if protected else 'unprotected'}"
    lines = [f"{word}: {copy.identifier} on {copy.place}" for taken in chosen for copy in taken.copies]
    show(
        [taken.as_json() for taken in chosen],
        as_json=as_json,
        text=lambda screen: screen.print("\n".join(lines), markup=False),
    )


def _chosen(world: _World, name: str) -> list[TakenBackup]:
    known = [taken for one in world.held for taken in one.backups]
    found = [taken for taken in known if taken.is_called(name)]
    if not found:
        raise ConfigurationError(
            f"there is no backup {name}",
            where=f"group {world.group.name}",
            remedy=f"List what there is: drillbook backup list {world.group.name}.",
        )
    return found


def _say_what_would_be_taken(world: _World, *, as_json: bool) -> None:
    machines, lost = find_each(world.provider, world.group.hosts)
    refused: dict[str, DrillbookError] = {
        **lost,
        **refusals(world.provider, world.group, tuple(machines.values()), world.workers),
    }
    stages = [[host for host in stage if host not in refused] for stage in world.group.stages]
    said: dict[str, Any] = {
        "group": world.group.name,
        "stages": stages,
        "mode": world.rules.mode.value,
        "refused": {host: str(error) for host, error in refused.items()},
    }
    show(
        said,
        as_json=as_json,
        text=lambda screen: screen.print(
            f"would be backed up ({world.rules.mode}): {'; then '.join(', '.join(stage) or '-' for stage in stages)}"
        ),
    )
    if refused:
        _say_failures(world.group, refused)
        raise typer.Exit(InfrastructureError.exit_code)


def _say_failures(group: MachineGroup, failed: dict[str, DrillbookError]) -> None:
    _tell(f"drillbook: group {group.name}: {len(failed)} of {len(group.hosts)} machines have no new backup")
    for host, error in failed.items():
        _tell(f"drillbook: {host}: {error}")
