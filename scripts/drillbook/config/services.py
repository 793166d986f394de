"""The services of an inventory, and their drills: each with a sandbox that can harm nothing."""

from datetime import timedelta

from drillbook.config.context import Context
from drillbook.config.faults import Faults
from drillbook.config.machines import MACHINES_KEY
from drillbook.config.schema import DrillVariables, SandboxVariables
from drillbook.errors import ConfigurationError
from drillbook.kinds.declaration import ServiceKind, ServiceVariables
from drillbook.model import (
    Destination,
    Drill,
    Mode,
    Objectives,
    PointRequest,
    SandboxHost,
    Service,
    SshOptions,
)
from drillbook.providers import Place, lacking_for_sandboxes, logs_in_first

SANDBOX_GROUP = "sandbox"
_SSH_OPTIONS = {
    "port": ("ansible_port", "ansible_ssh_port"),
    "private_key_file": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
    "args": ("ansible_ssh_args",),
    "common_args": ("ansible_ssh_common_args",),
    "extra_args": ("ansible_ssh_extra_args",),
}
"""Variables of Ansible's ssh, in its order: where several names are set, the last one counts."""


def service(group: str, values: ServiceVariables, kind: ServiceKind, context: Context) -> Service:
    """Build it; adds a fault when its group has no hosts, or the store not the repositories of its kind."""
    promised = values.objectives
    return Service(
        name=values.name,
        kind=kind,
        group=group,
        hosts=_hosts(group, kind, context),
        objectives=Objectives(
            rto=timedelta(seconds=promised.rto_seconds),
            rto_in_place=timedelta(seconds=promised.rto_in_place_seconds or promised.rto_seconds),
            rpo=timedelta(seconds=promised.rpo_seconds),
        ),
        heartbeat_interval=timedelta(seconds=values.heartbeat_interval_seconds),
        heartbeat_publish_interval=timedelta(seconds=values.heartbeat_publish_interval_seconds),
        granularity=values.granularity.interval,
        provision_playbook=values.provision_playbook,
        managed=values.managed,
    )


def outlined_service(group: str, name: str, kind: ServiceKind, context: Context) -> Service:
    """One whose variables are wrong, so that its drills can be looked at all the same. It promises nothing, and is never run."""
    none = timedelta()
    return Service(
        name=name,
        kind=kind,
        group=group,
        hosts=_hosts(group, kind, context),
        objectives=Objectives(rto=none, rto_in_place=none, rpo=none),
        heartbeat_interval=none,
        heartbeat_publish_interval=none,
        granularity=none,
    )


def sandbox_host(values: SandboxVariables, context: Context) -> SandboxHost:
    """Build it; adds a fault for a host of production, and for a provider that is not there or makes none."""
    key = f"drillbook_sandboxes, host {values.host}"
    _refuse_unsafe_sandbox(values.host, "all", key, context)
    place = context.place(values.provider, "all", key)
    lacking = lacking_for_sandboxes(place) if place is not None else ""
    if place is not None and lacking:
        context.faults.add(
            f"the provider {place.name} ({place.kind}) makes no sandbox hosts: {lacking}",
            "all",
            key,
            f"Correct drillbook_providers, {place.name}, or name another provider.",
        )
    return SandboxHost(
        host=values.host,
        provider=values.provider,
        disk_bytes=values.disk_bytes,
        address=context.inventory.address_of(values.host) or "",
        ssh=_ssh_options(values.host, context, literal=place is not None and logs_in_first(place)),
    )


def _ssh_options(host: str, context: Context, *, literal: bool) -> SshOptions:
    """What the inventory says of the way to a host. Where it must be ``literal``, a fault is added for a template: only Ansible renders."""
    said: dict[str, str] = {}
    for option, names in _SSH_OPTIONS.items():
        value = context.inventory.value_of(host, *names)
        if literal and not isinstance(value, str | int | None):
            context.faults.add(f"{names[-1]} of {host} is no text", "all", names[-1], "Write it out; it is no secret.")
        elif literal and any(mark in str(value) for mark in ("{{", "{%")):
            context.faults.add(
                f"{names[-1]} of {host} is a template",
                "all",
                names[-1],
                "Give the sandbox host a literal one: the first login is drillbook's own, and it renders none.",
            )
        elif isinstance(value, str | int):
            said[option] = str(value)
    return SshOptions(**said)


def sandbox(values: DrillVariables, service: Service, context: Context) -> str:
    """Where a drill goes: a host of the group sandbox, or for machines the provider, which has a range for drills.

    Empty where that is not said; then a fault was added, as for a place that it can't go to.
    """
    key = f"drillbook_drills, drill {values.name}"
    if service.kind.destination is Destination.DRILL_RANGE:
        return _provider_with_range(values, service, key, context)
    if values.sandbox is None:
        context.faults.add("the sandbox is missing", service.group, key, f"Name a host of the group {SANDBOX_GROUP}.")
        return ""
    safe = _refuse_unsafe_sandbox(values.sandbox, service.group, key, context)
    if safe and context.sandboxes is not None and values.sandbox not in context.sandboxes:
        context.faults.add(
            f"no provider is declared for the sandbox host {values.sandbox}",
            service.group,
            key,
            "Say in drillbook_sandboxes of the group all which provider makes it.",
        )
    return values.sandbox


def _provider_with_range(values: DrillVariables, service: Service, key: str, context: Context) -> str:
    if values.sandbox is not None:
        context.faults.add(
            "machines go into the range of their provider, not into a sandbox host",
            service.group,
            key,
            "Leave sandbox out.",
        )
    if service.group not in context.machines:
        context.faults.add(
            f"the kind {service.kind.name} needs drillbook_machines in the same group",
            service.group,
            "drillbook_service",
            "Say there where the group's machines are.",
        )
    machines = context.machines.get(service.group)
    place = context.place(machines.provider, service.group, f"{MACHINES_KEY}.provider") if machines else None
    if place is not None:
        _refuse_without_range(place, context.faults)
    return machines.provider if machines else ""


def drill(
    values: DrillVariables, service: Service, sandbox: str, limits: tuple[timedelta, timedelta], faults: Faults
) -> Drill:
    """Build it; adds a fault for a recovery point that its kind of service does not have."""
    promised = service.objectives
    _refuse_foreign_point(values, service, faults)
    return Drill(
        name=values.name,
        service=service,
        sandbox=sandbox,
        point=_point(values, service, faults),
        objectives=Objectives(
            rto=timedelta(seconds=values.rto_seconds) if values.rto_seconds else promised.rto,
            rto_in_place=promised.rto_in_place,
            rpo=promised.rpo,
        ),
        repository_as_of_disaster=values.repository_as_of_disaster,
        step_timeout=timedelta(seconds=values.step_timeout_seconds) if values.step_timeout_seconds else limits[0],
        run_deadline=timedelta(seconds=values.run_deadline_seconds) if values.run_deadline_seconds else limits[1],
        description=values.description,
    )


def _point(values: DrillVariables, service: Service, faults: Faults) -> PointRequest:
    point = values.point
    try:
        return PointRequest(type=point.type, target=point.target, exclusive=point.exclusive)
    except ConfigurationError as error:
        faults.add(error.message, service.group, f"drillbook_drills, drill {values.name}", error.remedy)
        return PointRequest()


def _hosts(group: str, kind: ServiceKind, context: Context) -> tuple[str, ...]:
    _refuse_missing_repositories(group, kind, context)
    hosts = context.inventory.hosts_of(group)
    if not hosts:
        context.faults.add(
            "the group has no hosts", group, "drillbook_service", "Put the service's hosts into the group."
        )
    return hosts


def _refuse_missing_repositories(group: str, kind: ServiceKind, context: Context) -> None:
    known = context.repositories
    for missing in sorted(set(kind.repositories) - known) if known is not None else ():
        context.faults.add(
            f"there is no repository '{missing}', in which recovery points of the kind {kind.name} lie",
            group,
            "drillbook_service.kind",
            "Declare it in drillbook_object_store.repositories of the group all.",
        )


def _refuse_foreign_point(values: DrillVariables, service: Service, faults: Faults) -> None:
    kind, point = service.kind, values.point
    key = f"drillbook_drills, drill {values.name}"
    if point.type not in kind.points:
        message = f"the kind {kind.name} has no recovery point '{point.type}'"
        faults.add(message, service.group, key, f"Give one of {', '.join(kind.points)}.")
    if point.exclusive and "exclusive" not in kind.selectors(Mode.SANDBOX):
        message = f"a recovery point of the kind {kind.name} can't be exclusive"
        faults.add(message, service.group, key, "Leave exclusive out.")


def _refuse_without_range(place: Place, faults: Faults) -> None:
    if place.drill is None:
        faults.add(
            f"the provider {place.name} has no range for drills",
            "all",
            "drillbook_providers.drill",
            "Declare one there.",
        )


def _refuse_unsafe_sandbox(host: str, group: str, key: str, context: Context) -> bool:
    """Add a fault where a restore into ``host`` could harm something; say whether it can't."""
    inventory = context.inventory
    if host not in inventory.hosts_of(SANDBOX_GROUP):
        context.faults.add(f"'{host}' is not in the group {SANDBOX_GROUP}", group, key, "Name a host of that group.")
        return False
    others = sorted(
        name
        for name in inventory.groups
        if name not in ("all", "ungrouped", SANDBOX_GROUP) and host in inventory.hosts_of(name)
    )
    if others:
        context.faults.add(
            f"sandbox '{host}' also stands in {', '.join(others)}: a restore would write over production",
            group,
            key,
            f"Take {host} out of every group but {SANDBOX_GROUP}.",
        )
    return not others
