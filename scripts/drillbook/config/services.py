"""The services of an inventory, and their drills: each with a sandbox that can harm nothing."""

from collections.abc import Sequence
from datetime import timedelta

from drillbook.config.errors import fault
from drillbook.config.inventory import Inventory
from drillbook.config.machines import declared_place
from drillbook.config.schema import DrillVariables, SandboxVariables
from drillbook.kinds.declaration import ServiceKind, ServiceVariables
from drillbook.model import (
    Destination,
    Drill,
    MachineGroup,
    Mode,
    Objectives,
    ObjectStore,
    PointRequest,
    SandboxHost,
    Service,
)
from drillbook.providers import Place, lacking_for_sandboxes

SANDBOX_GROUP = "sandbox"


def service(
    group: str, values: ServiceVariables, kind: ServiceKind, inventory: Inventory, store: ObjectStore
) -> Service:
    """Build it; raises ConfigurationError when its group has no hosts, or the store not the repositories of its kind."""
    _refuse_missing_repositories(group, kind, store)
    hosts = inventory.hosts_of(group)
    if not hosts:
        raise fault("the group has no hosts", group, "drillbook_service", "Put the service's hosts into the group.")
    promised = values.objectives
    return Service(
        name=values.name,
        kind=kind,
        group=group,
        hosts=hosts,
        objectives=Objectives(
            rto=timedelta(seconds=promised.rto_seconds),
            rto_in_place=timedelta(seconds=promised.rto_in_place_seconds or promised.rto_seconds),
            rpo=timedelta(seconds=promised.rpo_seconds),
        ),
        heartbeat_interval=timedelta(seconds=values.heartbeat_interval_seconds),
        heartbeat_publish_interval=timedelta(seconds=values.heartbeat_publish_interval_seconds),
        granularity=values.granularity.interval,
        provision_playbook=values.provision_playbook,
    )


def sandbox_host(values: SandboxVariables, inventory: Inventory, places: Sequence[Place]) -> SandboxHost:
    """Build it; raises ConfigurationError for a host of production, and for a provider that is not there or makes none."""
    key = f"drillbook_sandboxes, host {values.host}"
    _refuse_unsafe_sandbox(values.host, "all", inventory, key)
    place = declared_place(values.provider, places, "all", key)
    lacking = lacking_for_sandboxes(place)
    if lacking:
        raise fault(
            f"the provider {place.name} ({place.kind}) makes no sandbox hosts: {lacking}",
            "all",
            key,
            f"Correct drillbook_providers, {place.name}, or name another provider.",
        )
    return SandboxHost(
        host=values.host,
        provider=values.provider,
        disk_bytes=values.disk_bytes,
        address=inventory.address_of(values.host) or "",
        ssh_args=str(inventory.host_variables.get(values.host, {}).get("ansible_ssh_args", "")),
    )


def sandbox(
    values: DrillVariables,
    service: Service,
    inventory: Inventory,
    machines: Sequence[MachineGroup],
    places: Sequence[Place],
    sandboxes: Sequence[SandboxHost],
) -> str:
    """Where a drill goes: a host of the group sandbox, or for machines the provider, which has a range for drills."""
    key = f"drillbook_drills, drill {values.name}"
    if service.kind.destination is Destination.DRILL_RANGE:
        return _provider_with_range(values, service, machines, places, key)
    if values.sandbox is None:
        raise fault("the sandbox is missing", service.group, key, f"Name a host of the group {SANDBOX_GROUP}.")
    _refuse_unsafe_sandbox(values.sandbox, service.group, inventory, key)
    if values.sandbox not in {found.host for found in sandboxes}:
        raise fault(
            f"no provider is declared for the sandbox host {values.sandbox}",
            service.group,
            key,
            "Say in drillbook_sandboxes of the group all which provider makes it.",
        )
    return values.sandbox


def _provider_with_range(
    values: DrillVariables, service: Service, machines: Sequence[MachineGroup], places: Sequence[Place], key: str
) -> str:
    if values.sandbox is not None:
        raise fault(
            "machines go into the range of their provider, not into a sandbox host",
            service.group,
            key,
            "Leave sandbox out.",
        )
    provider = next((group.provider for group in machines if group.name == service.group), None)
    if provider is None:
        raise fault(
            f"the kind {service.kind.name} needs drillbook_machines in the same group",
            service.group,
            "drillbook_service",
            "Say there where the group's machines are.",
        )
    _refuse_without_range(declared_place(provider, places, service.group, key))
    return provider


def drill(values: DrillVariables, service: Service, sandbox: str, limits: tuple[timedelta, timedelta]) -> Drill:
    """Build it; raises ConfigurationError for a recovery point that its kind of service does not have."""
    promised = service.objectives
    _refuse_foreign_point(values, service)
    return Drill(
        name=values.name,
        service=service,
        sandbox=sandbox,
        point=PointRequest(type=values.point.type, target=values.point.target, exclusive=values.point.exclusive),
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


def _refuse_missing_repositories(group: str, kind: ServiceKind, store: ObjectStore) -> None:
    missing = sorted(set(kind.repositories) - set(store.repositories))
    if missing:
        raise fault(
            f"there is no repository '{missing[0]}', in which recovery points of the kind {kind.name} lie",
            group,
            "drillbook_service.kind",
            "Declare it in drillbook_object_store.repositories of the group all.",
        )


def _refuse_foreign_point(values: DrillVariables, service: Service) -> None:
    kind, point = service.kind, values.point
    if point.type not in kind.points:
        raise fault(
            f"the kind {kind.name} has no recovery point '{point.type}'",
            service.group,
            f"drillbook_drills, drill {values.name}",
            f"Give one of {', '.join(kind.points)}.",
        )
    if point.exclusive and "exclusive" not in kind.selectors(Mode.SANDBOX):
        raise fault(
            f"a recovery point of the kind {kind.name} can't be exclusive",
            service.group,
            f"drillbook_drills, drill {values.name}",
            "Leave exclusive out.",
        )


def _refuse_without_range(place: Place) -> None:
    if place.drill is None:
        raise fault(
            f"the provider {place.name} has no range for drills",
            "all",
            "drillbook_providers.drill",
            "Declare one there.",
        )


def _refuse_unsafe_sandbox(host: str, group: str, inventory: Inventory, key: str) -> None:
    if host not in inventory.hosts_of(SANDBOX_GROUP):
        raise fault(f"'{host}' is not in the group {SANDBOX_GROUP}", group, key, "Name a host of that group.")
    others = sorted(
        name
        for name in inventory.groups
        if name not in ("all", "ungrouped", SANDBOX_GROUP) and host in inventory.hosts_of(name)
    )
    if others:
        raise fault(
            f"sandbox '{host}' also stands in {', '.join(others)}: a restore would write over production",
            group,
            key,
            f"Take {host} out of every group but {SANDBOX_GROUP}.",
        )
