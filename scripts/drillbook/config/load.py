"""Turns an inventory into the package's own values, or says which keys where are wrong and what to do."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from drillbook.config.configuration import Configuration
from drillbook.config.context import Context
from drillbook.config.escrow import escrow_item, in_use
from drillbook.config.faults import Fault, Faults
from drillbook.config.inventory import PREFIX, Inventory
from drillbook.config.keys import Keys, read_keys
from drillbook.config.machines import machine_group
from drillbook.config.refusals import look_alikes, refuse_host_variables, refuse_twins, unrendered
from drillbook.config.schema import (
    GlobalVariables,
    GroupVariables,
    ObjectStoreVariables,
    group_variables,
)
from drillbook.config.services import drill, outlined_service, sandbox, sandbox_host, service
from drillbook.config.spots import Owner
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
from drillbook.providers import read_from


@dataclass(frozen=True, slots=True)
class Examined:
    """What an inventory says: a configuration, or all of its faults in the order in which they should be corrected."""

    configuration: Configuration | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    services: tuple[Service, ...]
    machines: tuple[MachineGroup, ...]
    sandboxes: tuple[SandboxHost, ...]
    drills: tuple[Drill, ...]
    escrow: tuple[EscrowItem, ...]


def configuration(inventory: Inventory, kinds: Mapping[str, ServiceKind] = KINDS) -> Configuration:
    """Validate the inventory and build the configuration; raises ConfigurationError for the first of its faults."""
    found = examine(inventory, kinds)
    if found.configuration is None:
        raise found.faults[0].error()
    return found.configuration


def examine(inventory: Inventory, kinds: Mapping[str, ServiceKind] = KINDS) -> Examined:
    """Validate the inventory and build the configuration, or say all that is wrong.

    What is wrong is built all the same where it can be, so that what hangs on it is looked at, too. Nothing is held
    against a variable that could not be read: one mistake is one fault.
    """
    faults = Faults(inventory)
    refuse_host_variables(inventory, PREFIX, faults)
    found = {name: _own(group.variables) for name, group in inventory.groups.items()}
    of_group = group_variables(kinds.values())
    look_alikes(inventory, PREFIX, (*GlobalVariables.model_fields, *of_group.model_fields), faults)
    services = {kind.name: kind.service for kind in kinds.values()}
    in_all = dict.fromkeys(GlobalVariables.model_fields, "the group all")
    in_group = dict.fromkeys(of_group.model_fields, "the group of a service")

    values = found.get("all", {})
    general = read_keys(
        GlobalVariables, values, Owner("all", services, in_group), unrendered("all", values, faults), faults
    )
    groups: dict[str, Keys[GroupVariables]] = {}
    for name, values in sorted(found.items()):
        if values and name != "all":
            owner = Owner(name, services, in_all)
            read = read_keys(of_group, values, owner, unrendered(name, values, faults), faults)
            groups |= {name: read} if read else {}
    if general is None:
        return Examined(None, tuple(faults))
    parts = _parts(general, groups, kinds, inventory, faults)
    if wrong := tuple(faults):
        return Examined(None, wrong)
    return Examined(_assemble(general.values, parts, inventory, _digest(found)), ())


def _parts(
    general: Keys[GlobalVariables],
    groups: Mapping[str, Keys[GroupVariables]],
    kinds: Mapping[str, ServiceKind],
    inventory: Inventory,
    faults: Faults,
) -> _Parts:
    values = general.values
    context = Context(
        inventory,
        faults,
        repositories=_names_of_repositories(inventory),
        places=values.drillbook_providers if general.sound("drillbook_providers") else None,
    )
    services = tuple(_services(groups, kinds, context))
    refuse_twins([(found.name, found.group) for found in services], "drillbook_service.name", faults)
    machines = dict(_machines(groups, context))
    refuse_twins([(found.name, "all") for found in values.drillbook_providers], "drillbook_providers.name", faults)
    sandboxes = tuple(sandbox_host(found, context) for found in values.drillbook_sandboxes)
    refuse_twins([(found.host, "all") for found in sandboxes], "drillbook_sandboxes.host", faults)
    hosts = frozenset(found.host for found in sandboxes) if general.sound("drillbook_sandboxes") else None
    context = replace(context, machines=machines, sandboxes=hosts)
    limits = tuple(
        timedelta(seconds=seconds) if general.sound(key) else timedelta()
        for key, seconds in (
            ("drillbook_step_timeout_seconds", values.drillbook_step_timeout_seconds),
            ("drillbook_run_deadline_seconds", values.drillbook_run_deadline_seconds),
        )
    )
    drills = tuple(
        drill(said, owner, sandbox(said, owner, context), (limits[0], limits[1]), faults)
        for owner in services
        for said in groups[owner.group].values.drillbook_drills
    )
    refuse_twins([(found.name, found.service.group) for found in drills], "drillbook_drills.name", faults)
    return _Parts(
        services=services,
        machines=tuple(found for found in machines.values() if found is not None),
        sandboxes=sandboxes,
        drills=drills,
        escrow=tuple(escrow_item(item, services, inventory, faults) for item in values.drillbook_escrow),
    )


def _services(
    groups: Mapping[str, Keys[GroupVariables]], kinds: Mapping[str, ServiceKind], context: Context
) -> Iterator[Service]:
    for name, group in groups.items():
        if not group.sound("drillbook_service"):
            outline = context.inventory.groups[name].variables.get("drillbook_service")
            said_kind = str(outline.get("kind")) if isinstance(outline, Mapping) else ""
            if isinstance(outline, Mapping) and said_kind in kinds:
                yield outlined_service(name, str(outline.get("name", name)), kinds[said_kind], context)
        elif (said := group.values.drillbook_service) is not None:
            yield service(name, said, kinds[said.kind], context)
        elif group.values.drillbook_drills:
            message = "there is no drillbook_service in this group, so the drills are of nothing"
            context.faults.add(message, name, "drillbook_drills", "Declare the service beside them.")


def _machines(
    groups: Mapping[str, Keys[GroupVariables]], context: Context
) -> Iterator[tuple[str, MachineGroup | None]]:
    for name, group in groups.items():
        if not group.sound("drillbook_machines"):
            yield name, None
        elif group.values.drillbook_machines is not None:
            yield name, machine_group(name, group.values.drillbook_machines, context)


def _assemble(general: GlobalVariables, parts: _Parts, inventory: Inventory, digest: str) -> Configuration:
    evidence = general.drillbook_evidence
    return Configuration(
        state_directory=general.drillbook_state_directory,
        store=_store(general.drillbook_object_store),
        evidence=EvidencePlace(**dict(evidence)),
        clock_offset_limit=timedelta(seconds=general.drillbook_clock_offset_limit_seconds),
        run_deadline=timedelta(seconds=general.drillbook_run_deadline_seconds),
        step_timeout=timedelta(seconds=general.drillbook_step_timeout_seconds),
        services=parts.services,
        drills=parts.drills,
        escrow=parts.escrow,
        in_use=in_use(general, inventory),
        providers=tuple(read_from(place, inventory.sources) for place in general.drillbook_providers),
        machine_groups=parts.machines,
        sandboxes=parts.sandboxes,
        addresses=_addresses(inventory, {sandbox.host for sandbox in parts.sandboxes}),
        machines_at_once=general.drillbook_machines_at_once,
        machine_timeout=timedelta(seconds=general.drillbook_machine_timeout_seconds),
        digest=digest,
    )


def _addresses(inventory: Inventory, sandboxes: set[str]) -> dict[str, str | None]:
    """By host. A sandbox host is in a drill's own network, is there for a run alone, and may get its address then: it is no production."""
    return {host: inventory.address_of(host) for host in inventory.hosts_of("all") if host not in sandboxes}


def _store(values: ObjectStoreVariables) -> ObjectStore:
    repositories = {name: Repository(**dict(found)) for name, found in values.repositories.items()}
    return ObjectStore(**{**dict(values), "repositories": repositories})


def _names_of_repositories(inventory: Inventory) -> frozenset[str] | None:
    """As they are written, whether or not all else of the store is right; None where that can't be read."""
    everywhere = inventory.groups.get("all")
    store = everywhere.variables.get("drillbook_object_store") if everywhere else None
    names = store.get("repositories", {}) if isinstance(store, Mapping) else None
    return frozenset(names) if isinstance(names, Mapping) else None


def _own(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in variables.items() if key.startswith(PREFIX)}


def _digest(found: Mapping[str, Mapping[str, Any]]) -> str:
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
