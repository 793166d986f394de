"""A group's hosts as machines that are snapshotted together."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from drillbook.config.context import Context
from drillbook.config.faults import Faults
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
from drillbook.providers import has_machines

MACHINES_KEY = "drillbook_machines"
_HOMES = {"storage": "proxmox", "fleecing_storage": "proxmox", "leave_out": "proxmox", "copy_to_region": "ec2"}
"""Rules for backups that only one kind of provider has."""


def machine_group(name: str, values: MachinesVariables, context: Context) -> MachineGroup:
    """Build it; adds a fault when provider, order, probes or rules don't fit the inventory."""
    hosts, faults = context.inventory.hosts_of(name), context.faults
    place = context.place(values.provider, name, f"{MACHINES_KEY}.provider")
    stages = values.order or (hosts,)
    if place is not None and not has_machines(place):
        faults.add(
            f"the provider {place.name} ({place.kind}) has no machines that it can back up",
            name,
            f"{MACHINES_KEY}.provider",
            "Name the provider that makes the group's machines.",
        )
    _refuse_wrong_order(name, stages, hosts, faults)
    _refuse_strangers(name, values.probes, hosts, f"{MACHINES_KEY}.probes", faults)
    if values.backup is not None:
        _refuse_strangers(name, values.backup.leave_out, hosts, f"{MACHINES_KEY}.backup.leave_out", faults)
        if place is not None:
            _refuse_foreign_rules(name, values.backup, place.kind, faults)
    return MachineGroup(
        name=name,
        provider=values.provider,
        stages=stages,
        quiesce=values.quiesce,
        ram=values.ram,
        window=timedelta(seconds=values.window_seconds),
        retention=Retention(**values.retention.model_dump()),
        backup=_backup(values.backup) if values.backup else None,
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


def _refuse_foreign_rules(group: str, values: BackupVariables, kind: str, faults: Faults) -> None:
    """What only one provider has is refused for the others: it would be believed to be done."""
    foreign = [key for key, home in _HOMES.items() if getattr(values, key) and kind != home]
    if foreign:
        faults.add(
            f"a provider of the kind {kind} has none of {', '.join(foreign)}",
            group,
            f"{MACHINES_KEY}.backup",
            "Leave it out.",
        )
    if kind == "proxmox" and not values.storage:
        faults.add(
            "the storage is missing", group, f"{MACHINES_KEY}.backup.storage", "Name a storage with content `backup`."
        )


def _refuse_strangers(group: str, named: Iterable[str], hosts: tuple[str, ...], key: str, faults: Faults) -> None:
    unknown = sorted(set(named) - set(hosts))
    if unknown:
        faults.add(f"{', '.join(unknown)} not in the group", group, key, "Name hosts of the group.")


def _backup(values: BackupVariables) -> BackupRules:
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


def _refuse_wrong_order(name: str, stages: tuple[tuple[str, ...], ...], hosts: tuple[str, ...], faults: Faults) -> None:
    """Each host of the group once: one that is left out would be missing in every set."""
    ordered = Counter(host for stage in stages for host in stage)
    wrong = {
        "not in the group": [host for host in ordered if host not in hosts],
        "twice": [host for host, count in ordered.items() if count > 1],
        "left out": [host for host in hosts if host not in ordered],
    }
    said = [f"{', '.join(found)} {how}" for how, found in wrong.items() if found]
    if said or not hosts:
        faults.add(
            "; ".join(said) or "the group has no hosts",
            name,
            f"{MACHINES_KEY}.order",
            "Name each host of the group once.",
        )
