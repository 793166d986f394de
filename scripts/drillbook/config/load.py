"""Turns an inventory into the package's own values, or says which key where is wrong and what to do."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from drillbook.config.errors import fault
from drillbook.config.inventory import Inventory
from drillbook.config.machines import machine_group
from drillbook.config.schema import (
    EscrowVariables,
    GlobalVariables,
    GroupVariables,
    ObjectStoreVariables,
    group_variables,
)
from drillbook.config.services import drill, sandbox, sandbox_host, service
from drillbook.errors import ConfigurationError
from drillbook.kinds.declaration import ServiceKind
from drillbook.kinds.registry import KINDS
from drillbook.model import (
    Drill,
    EscrowItem,
    EvidencePlace,
    MachineGroup,
    ObjectStore,
    Repository,
    SandboxHost,
    Service,
)
from drillbook.providers import Place

PREFIX = "drillbook_"
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the inventory says to drillbook; ``digest`` is the SHA-256 of it."""

    state_directory: Path
    store: ObjectStore
    evidence: EvidencePlace
    clock_offset_limit: timedelta
    run_deadline: timedelta
    step_timeout: timedelta
    services: tuple[Service, ...]
    drills: tuple[Drill, ...]
    escrow: tuple[EscrowItem, ...]
    providers: tuple[Place, ...]
    machine_groups: tuple[MachineGroup, ...]
    sandboxes: tuple[SandboxHost, ...]
    addresses: Mapping[str, str | None]
    machines_at_once: int
    machine_timeout: timedelta
    digest: str

    def drill(self, name: str) -> Drill:
        """Return the drill called ``name``; raises ConfigurationError that lists the known ones."""
        return _named(self.drills, name, "drill", "drillbook_drills")

    def service(self, name: str) -> Service:
        """Return the service called ``name``; raises ConfigurationError that lists the known ones."""
        return _named(self.services, name, "service", "drillbook_service")

    def machine_group(self, name: str) -> MachineGroup:
        """Return the machines of the group called ``name``; raises ConfigurationError that lists the known ones."""
        return _named(self.machine_groups, name, "group with machines", "drillbook_machines")

    def machines_of(self, service: Service) -> MachineGroup | None:
        """Return the machines below a service; None where its group is not declared as machines of a provider."""
        return next((group for group in self.machine_groups if group.name == service.group), None)

    def repository(self, name: str | None) -> Repository:
        """Return the repository called ``name``, without one the only one; raises ConfigurationError that lists the known ones."""
        known = self.store.repositories
        found = known.get(name) if name else next(iter(known.values()), None) if len(known) == 1 else None
        if found is None:
            raise ConfigurationError(
                f"there is no repository '{name}'" if name else "which repository is meant is not said",
                where="the inventory's drillbook_object_store.repositories",
                remedy=f"Known: {', '.join(known) or 'none'}.",
            )
        return found

    def provider(self, name: str) -> Place:
        """Return the provider called ``name``; raises ConfigurationError that lists the known ones."""
        return _named(self.providers, name, "provider", "drillbook_providers")


def configuration(inventory: Inventory, kinds: Mapping[str, ServiceKind] = KINDS) -> Configuration:
    """Validate the inventory and build the configuration; raises ConfigurationError for the first fault found."""
    _refuse_host_variables(inventory)
    found = {name: _own(group.variables) for name, group in inventory.groups.items()}
    for group, values in found.items():
        for key, value in values.items():
            _refuse_unrendered(value, group, key)
    general = _validate(GlobalVariables, found.get("all", {}), "all", kinds)
    of_group = group_variables(kinds.values())
    groups: dict[str, GroupVariables] = {
        name: _validate(of_group, values, name, kinds) for name, values in found.items() if values and name != "all"
    }
    store = _store(general.drillbook_object_store)
    limits = (
        timedelta(seconds=general.drillbook_step_timeout_seconds),
        timedelta(seconds=general.drillbook_run_deadline_seconds),
    )
    services = tuple(
        service(name, group.drillbook_service, kinds[group.drillbook_service.kind], inventory, store)
        for name, group in sorted(groups.items())
        if group.drillbook_service is not None
    )
    _refuse_twins([(found.name, found.group) for found in services], "drillbook_service.name")
    machines = tuple(
        machine_group(name, group.drillbook_machines, general, inventory.hosts_of(name))
        for name, group in sorted(groups.items())
        if group.drillbook_machines is not None
    )
    places = general.drillbook_providers
    _refuse_twins([(found.name, "all") for found in places], "drillbook_providers.name")
    sandboxes = tuple(sandbox_host(values, inventory, places) for values in general.drillbook_sandboxes)
    _refuse_twins([(found.host, "all") for found in sandboxes], "drillbook_sandboxes.host")
    drills = tuple(
        drill(values, owner, sandbox(values, owner, inventory, machines, places, sandboxes), limits)
        for owner in services
        for values in groups[owner.group].drillbook_drills
    )
    _refuse_twins([(found.name, found.service.group) for found in drills], "drillbook_drills.name")
    whole = _assemble(general, services, drills, machines, places, _digest(found))
    addresses = {host: inventory.address_of(host) for host in inventory.hosts_of("all")}
    return replace(whole, sandboxes=sandboxes, addresses=addresses)


def _assemble(
    general: GlobalVariables,
    services: tuple[Service, ...],
    drills: tuple[Drill, ...],
    machines: tuple[MachineGroup, ...],
    places: tuple[Place, ...],
    digest: str,
) -> Configuration:
    evidence = general.drillbook_evidence
    return Configuration(
        state_directory=general.drillbook_state_directory,
        store=_store(general.drillbook_object_store),
        evidence=EvidencePlace(**dict(evidence)),
        clock_offset_limit=timedelta(seconds=general.drillbook_clock_offset_limit_seconds),
        run_deadline=timedelta(seconds=general.drillbook_run_deadline_seconds),
        step_timeout=timedelta(seconds=general.drillbook_step_timeout_seconds),
        services=services,
        drills=drills,
        escrow=tuple(_escrow(item, services) for item in general.drillbook_escrow),
        providers=places,
        machine_groups=machines,
        sandboxes=(),
        addresses={},
        machines_at_once=general.drillbook_machines_at_once,
        machine_timeout=timedelta(seconds=general.drillbook_machine_timeout_seconds),
        digest=digest,
    )


def _escrow(item: EscrowVariables, services: tuple[Service, ...]) -> EscrowItem:
    burning = [service.name for service in services if item.host in service.hosts]
    if burning:
        raise fault(
            f"the copy of '{item.name}' is kept on {item.host}, which burns with {', '.join(burning)}",
            "all",
            "drillbook_escrow",
            "Keep it on a host that is no host of a service.",
        )
    return EscrowItem(
        name=item.name,
        host=item.host,
        source=item.source,
        copy=item.copy_file,
        command=item.command,
        sha256=item.sha256,
    )


def _store(values: ObjectStoreVariables) -> ObjectStore:
    repositories = {name: Repository(found.bucket, found.path) for name, found in values.repositories.items()}
    return ObjectStore(**{**dict(values), "repositories": repositories})


def _validate(model: type[_Model], values: Mapping[str, Any], group: str, kinds: Mapping[str, ServiceKind]) -> _Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"]]
        kind = kinds.get(parts[1]) if parts[0:1] == ["drillbook_service"] and len(parts) > 1 else None
        if kind is not None:
            del parts[1]  # pydantic names the kind's own class between the two
        key = ".".join(parts) or "drillbook_*"
        remedy = "See docs/reference/configuration.md."
        if first["type"] != "extra_forbidden":
            raise fault(str(first["msg"]), group, key, remedy) from error
        if kind is not None and len(parts) == 2:
            raise _unknown_key_of_service(parts[1], kind, kinds, group, remedy) from error
        known = ", ".join(sorted(model.model_fields))
        raise fault("unknown key", group, key, f"Known at the top in this group: {known}. {remedy}") from error


def _unknown_key_of_service(
    key: str, kind: ServiceKind, kinds: Mapping[str, ServiceKind], group: str, remedy: str
) -> ConfigurationError:
    owners = [other.name for other in kinds.values() if key in other.service.model_fields]
    what = f"a key of the kind {' and '.join(owners)}, not of {kind.name}" if owners else "unknown key"
    known = ", ".join(sorted(kind.service.model_fields))
    return fault(what, group, f"drillbook_service.{key}", f"The kind {kind.name} has {known}. {remedy}")


def _refuse_host_variables(inventory: Inventory) -> None:
    for host, variables in inventory.host_variables.items():
        for key in _own(variables):
            raise ConfigurationError(
                f"{key} is written for a host",
                where=f"host {host}",
                remedy="Write it in the group_vars of `all` or of the service's group.",
            )


def _refuse_unrendered(value: object, group: str, key: str) -> None:
    for text in _strings(value):
        if "{{" in text or "{%" in text:
            raise fault(
                f"'{text}' is a template, which ansible-inventory does not render",
                group,
                key,
                "Write the literal value.",
            )
    if isinstance(value, Mapping) and "__ansible_vault" in value:
        raise fault("the value is vaulted", group, key, "drillbook_* values hold no secrets; write it in the clear.")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _refuse_twins(entries: list[tuple[str, str]], key: str) -> None:
    seen: dict[str, str] = {}
    for name, group in entries:
        if name in seen:
            raise fault(f"'{name}' is also declared in group {seen[name]}", group, key, "Give each its own name.")
        seen[name] = group


def _own(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variables.items() if key.startswith(PREFIX)}


def _digest(found: Mapping[str, Mapping[str, Any]]) -> str:
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


_Named = TypeVar("_Named", bound=_HasName)


def _named(entries: tuple[_Named, ...], name: str, kind: str, key: str) -> _Named:
    for entry in entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in entries) or "none"
    raise ConfigurationError(f"there is no {kind} '{name}'", where=f"the inventory's {key}", remedy=f"Known: {known}.")
