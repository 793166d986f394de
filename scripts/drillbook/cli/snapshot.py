"""``drillbook snapshot``: snapshots of groups of machines, taken, kept, and gone back to as one."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from drillbook.app import App
from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, DryRun, Inventories, open_app
from drillbook.cli.output import console, show, table
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import ConfigurationError, DrillbookError, RefusedError
from drillbook.machines.snapshots import (
    GroupSnapshots,
    Limits,
    ServiceHook,
    SetState,
    SnapshotSet,
    chosen,
    decide,
    free_to_go_back,
    go_back,
    prune_snapshots,
    refuse_to_go_back,
    thaw_machine,
)
from drillbook.machines.snapshots.guard import guarded, guarded_hook
from drillbook.model import Machine, MachineGroup, Quiesce, format_instant
from drillbook.providers import Snapshots, open_snapshots
from drillbook.run.hold import hold

PAGE = "docs/how-to/snapshots.md"
app = typer.Typer(
    no_args_is_help=True,
    help="Snapshots of groups of machines.",
    epilog=examples("drillbook snapshot create shop", "drillbook snapshot list shop", page=PAGE),
)
GroupName = Annotated[str, typer.Argument(help="The inventory group; its drillbook_machines say how.", metavar="GROUP")]
SetName = Annotated[
    str | None, typer.Option("--set", help="The set's name. Default: the newest whole one.", metavar="NAME")
]


@dataclass(frozen=True, slots=True)
class _World:
    group: MachineGroup
    provider: Snapshots
    snapshots: GroupSnapshots
    machines: tuple[Machine, ...]
    limits: Limits

    @property
    def sets(self) -> tuple[SnapshotSet, ...]:
        return self.snapshots.sets(self.group, self.machines)


def _open(opened: App, name: str) -> _World:
    configuration = opened.configuration
    group = configuration.machine_group(name)
    place = configuration.provider(group.provider)
    provider = open_snapshots(place, opened.clock)
    limits = Limits(configuration.machines_at_once, configuration.machine_timeout)
    snapshots = GroupSnapshots(
        provider,
        opened.clock,
        limits,
        guard=lambda frozen: guarded(place, frozen, limits.timeout),
        hook=lambda: _service_at_rest(opened, group),
        tell=_tell,
    )
    return _World(group, provider, snapshots, provider.find(group.hosts), limits)


def _service_at_rest(opened: App, group: MachineGroup) -> AbstractContextManager[None]:
    hooked = opened.hooked(group)
    return ServiceHook(opened.playbooks(), hooked).at_rest(partial(guarded_hook, hooked), _tell)


def _alone(opened: App, group: str) -> AbstractContextManager[None]:
    return hold(opened.configuration.state_directory, f"machines-{group}")


def _tell(line: str) -> None:
    console(stderr=True).print(line, markup=False)


@app.command(epilog=examples("drillbook snapshot create shop --check", "drillbook snapshot create shop", page=PAGE))
def create(group: GroupName, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Take a set: all members or none.

    Exit code 1 when it is torn: its members are too far apart to be used together.
    """
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        if world.group.quiesce is Quiesce.HOOK:
            opened.hooked(world.group).refuse()
        if check:
            _say_what_would_be_taken(world, as_json=as_json)
            return
        made = world.snapshots.create(world.group, world.machines)
    show(made.as_json(), as_json=as_json, text=lambda screen: screen.print(_line(made), markup=False))
    if made.state is not SetState.WHOLE:
        raise typer.Exit(1)


@app.command("list", epilog=examples("drillbook snapshot list shop", page=PAGE))
def list_sets(group: GroupName, inventory: Inventories = None, as_json: AsJson = False) -> None:
    """List the sets that there are, oldest first.

    What drillbook did not take is not listed.
    """
    sets = _open(open_app(inventory), group).sets
    rows = [
        [entry.name, entry.state.value, format_instant(entry.taken_at), "yes" if entry.ram else "no", entry.why]
        for entry in sets
    ]
    show(
        [entry.as_json() for entry in sets],
        as_json=as_json,
        text=lambda screen: screen.print(table(["set", "state", "taken", "memory", "why"], rows)),
    )


@app.command(epilog=examples("drillbook snapshot verify shop", page=PAGE))
def verify(group: GroupName, set_name: SetName = None, inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Say whether a set could be gone back to now.

    Exit code 1 when not. Only a drill proves what is in it.
    """
    opened = open_app(inventory)
    world = _open(opened, group)
    wanted, fault = None, None
    try:
        wanted = chosen(world.sets, set_name, group=group, now=opened.clock.now())
        refuse_to_go_back(world.group, wanted, world.machines, group)
    except (ConfigurationError, RefusedError) as error:
        fault = error
    said = {"usable": fault is None, "why": str(fault or ""), "set": wanted.as_json() if wanted else None}
    show(said, as_json=as_json, text=lambda screen: screen.print(_verdict(wanted, fault), markup=False))
    if fault is not None:
        raise typer.Exit(1)


@app.command(
    "prune", epilog=examples("drillbook snapshot prune shop --check", "drillbook snapshot prune shop", page=PAGE)
)
def prune_sets(group: GroupName, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Remove the sets that no rule keeps.

    The rules are the group's retention. The newest whole one always stays. One that is dated into the future stays, counts for no
    rule, and makes the exit code 1.
    """
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        decisions = decide(world.sets, world.group.retention, opened.clock.now())
        if check:
            _say_locked(world)
        else:
            locks = world.snapshots.locks(world.group)
            prune_snapshots(world.provider, world.group, decisions, world.machines, world.limits, locks, _tell)
    said: list[dict[str, Any]] = [
        {"name": entry.set.name, "state": entry.set.state.value, "kept": entry.kept, "reasons": list(entry.reasons)}
        for entry in decisions
    ]
    gone = "would be removed" if check else "removed"
    rows = [[entry.set.name, "kept" if entry.kept else gone, ", ".join(entry.reasons)] for entry in decisions]
    show(said, as_json=as_json, text=lambda screen: screen.print(table(["set", "", "because"], rows)))
    if any(entry.to_come for entry in decisions):
        raise typer.Exit(1)


@app.command(
    epilog=examples(
        "drillbook snapshot restore shop --check", "drillbook snapshot restore shop --confirm shop", page=PAGE
    )
)
def restore(
    group: GroupName,
    set_name: SetName = None,
    confirm: Annotated[
        str, typer.Option(help="The group's exact name, to say that this is meant.", metavar="GROUP")
    ] = "",
    inventory: Inventories = None,
    check: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put every member back to a set, and start them.

    They start in the group's order. What came after the set is lost.
    """
    opened = open_app(inventory)
    with _alone(opened, group):
        world = _open(opened, group)
        wanted = chosen(world.sets, set_name, group=group, now=opened.clock.now())
        if check:
            refuse_to_go_back(world.group, wanted, world.machines, group)
        else:
            locks = world.snapshots.locks(world.group)
            wanted, machines = free_to_go_back(world.snapshots, world.group, wanted, world.machines, locks, confirm)
            go_back(world.provider, world.group, wanted, machines, world.limits, locks, _tell)
    show(wanted.as_json(), as_json=as_json, text=partial(_say_restored, wanted, check))


@app.command(epilog=examples("drillbook snapshot thaw shop --check", "drillbook snapshot thaw shop", page=PAGE))
def thaw(group: GroupName, inventory: Inventories = None, check: DryRun = False, as_json: AsJson = False) -> None:
    """Let every member go on that was left at rest.

    With a hook it is the service that goes on.
    """
    opened = open_app(inventory)
    hooked = opened.configuration.machine_group(group)
    by_hook = hooked.quiesce is Quiesce.HOOK
    if not check and by_hook:
        ServiceHook(opened.playbooks(), opened.hooked(hooked)).resume()
    elif not check:
        _thaw_machines(opened, group)
    word = "would go on" if check else "goes on"
    who = [f"the service of {group}"] if by_hook else list(hooked.hosts)
    show(
        {
            "group": group,
            "by": "hook" if by_hook else "guest agents",
            "machines": list(hooked.hosts),
            "done": not check,
        },
        as_json=as_json,
        text=lambda screen: screen.print("\n".join(f"{word}: {one}" for one in who)),
    )


def _thaw_machines(opened: App, group: str) -> None:
    world = _open(opened, group)
    outcomes = concurrently(
        world.machines,
        lambda machine: thaw_machine(world.provider, machine, world.limits.timeout),
        world.limits.workers,
    )
    raise_failures(outcomes, what="thawing", group=group, remedy="See that the guest agents run.")


def _say_what_would_be_taken(world: _World, *, as_json: bool) -> None:
    world.snapshots.refuse(world.group, world.machines)
    stages = [list(stage) for stage in world.group.stages]
    show(
        {"group": world.group.name, "stages": stages, "quiesce": world.group.quiesce.value, "ram": world.group.ram},
        as_json=as_json,
        text=lambda screen: screen.print(f"would be taken: {'; then '.join(', '.join(stage) for stage in stages)}"),
    )


def _say_locked(world: _World) -> None:
    locked = [f"{machine.host} ({machine.lock})" for machine in world.machines if machine.lock]
    if locked:
        _tell(f"locked now, and waited for at most {world.group.lock_wait.total_seconds():.0f} s: {', '.join(locked)}")


def _say_restored(wanted: SnapshotSet, check: bool, screen: Console) -> None:
    screen.print(f"{'would be' if check else 'are'} back: {_line(wanted)}", markup=False)


def _verdict(wanted: SnapshotSet | None, fault: DrillbookError | None) -> str:
    return f"not usable: {fault}" if fault else f"usable: {_line(wanted)}" if wanted else ""


def _line(entry: SnapshotSet) -> str:
    told = f"{entry.name}: {entry.state}, {len(entry.snapshots)} members, taken {format_instant(entry.taken_at)}"
    return f"{told}. {entry.why}" if entry.why else told
