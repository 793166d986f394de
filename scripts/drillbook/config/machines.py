"""A group's hosts as machines that are snapshotted together."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from drillbook.config.errors import fault
from drillbook.config.schema import GlobalVariables
from drillbook.kinds.machines.settings import (
    BackupVariables,
    MachinesVariables,
)
from drillbook.model import (
    BackupRules,
    MachineGroup,
    MachineProbes,
    QuiesceHook,
    Retention,
)
from drillbook.providers import Place

_KEY = "drillbook_machines"
_HOMES = {"storage": "proxmox", "fleecing_storage": "proxmox", "leave_out": "proxmox", "copy_to_region": "ec2"}
"""Rules for backups that only one kind of provider has."""


def declared_place(name: str, places: Sequence[Place], group: str, key: str) -> Place:
    """Return the place of a provider that ``group`` names under ``key``; raises ConfigurationError that lists the known ones."""
    for place in places:
        if place.name == name:
            return place
    known = ", ".join(place.name for place in places) or "none"
    raise fault(f"there is no provider '{name}'", group, key, f"Known in drillbook_providers: {known}.")


def machine_group(
    name: str, values: MachinesVariables, general: GlobalVariables, hosts: tuple[str, ...]
) -> MachineGroup:
    """Build it; raises ConfigurationError when provider or order don't fit the inventory."""
    place = declared_place(values.provider, general.drillbook_providers, name, f"{_KEY}.provider")
    stages = values.order or (hosts,)
    _refuse_wrong_order(name, stages, hosts)
    unknown = sorted(set(values.probes) - set(hosts))
    if unknown:
        raise fault(f"{', '.join(unknown)} not in the group", name, f"{_KEY}.probes", "Name hosts of the group.")
    return MachineGroup(
        name=name,
        provider=values.provider,
        stages=stages,
        quiesce=values.quiesce,
        ram=values.ram,
        window=timedelta(seconds=values.window_seconds),
        retention=Retention(**values.retention.model_dump()),
        backup=_backup(name, values.backup, place.kind, hosts) if values.backup else None,
        probes={host: MachineProbes(**probes.model_dump()) for host, probes in values.probes.items()},
        heartbeat_file=values.heartbeat_file,
        ready_timeout=timedelta(seconds=values.ready_seconds),
        outside=values.outside,
        outside_names=values.outside_names,
        hook=_hook(values),
        lock_wait=timedelta(seconds=values.lock_wait_seconds),
    )


def _hook(values: MachinesVariables) -> QuiesceHook | None:
    if values.quiesce_playbook is None or values.resume_playbook is None:
        return None
    return QuiesceHook(
        values.quiesce_playbook, values.resume_playbook, timedelta(seconds=values.quiesce_timeout_seconds)
    )


def _backup(group: str, values: BackupVariables, kind: str, hosts: tuple[str, ...]) -> BackupRules:
    """What only one provider has is refused for the others: it would be believed to be done."""
    foreign = [key for key, home in _HOMES.items() if getattr(values, key) and kind != home]
    if foreign:
        raise fault(
            f"a provider of the kind {kind} has none of {', '.join(foreign)}", group, f"{_KEY}.backup", "Leave it out."
        )
    if kind == "proxmox" and not values.storage:
        raise fault("the storage is missing", group, f"{_KEY}.backup.storage", "Name a storage with content `backup`.")
    unknown = sorted(set(values.leave_out) - set(hosts))
    if unknown:
        raise fault(
            f"{', '.join(unknown)} not in the group", group, f"{_KEY}.backup.leave_out", "Name hosts of the group."
        )
    return BackupRules(
        storage=values.storage,
        mode=values.mode,
        fleecing_storage=values.fleecing_storage,
        copy_to_region=values.copy_to_region,
        retention=Retention(**values.retention.model_dump()),
        maximum_age=timedelta(seconds=values.maximum_age_seconds),
        leave_out=values.leave_out,
        timeout=timedelta(seconds=values.timeout_seconds),
    )


def _refuse_wrong_order(name: str, stages: tuple[tuple[str, ...], ...], hosts: tuple[str, ...]) -> None:
    """Each host of the group once: one that is left out would be missing in every set."""
    ordered = Counter(host for stage in stages for host in stage)
    wrong = {
        "not in the group": [host for host in ordered if host not in hosts],
        "twice": [host for host, count in ordered.items() if count > 1],
        "left out": [host for host in hosts if host not in ordered],
    }
    said = [f"{', '.join(found)} {how}" for how, found in wrong.items() if found]
    if said or not hosts:
        raise fault(
            "; ".join(said) or "the group has no hosts", name, f"{_KEY}.order", "Name each host of the group once."
        )
