"""What an inventory says to drillbook, as the package's own values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from drillbook.config.faults import closest, did_you_mean
from drillbook.errors import ConfigurationError
from drillbook.model import (
    Drill,
    EscrowItem,
    EvidencePlace,
    InUse,
    MachineGroup,
    ObjectStore,
    Repository,
    SandboxHost,
    Service,
)
from drillbook.providers import Place


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that the inventory says to drillbook; ``digest`` is the SHA-256 of it, ``in_use`` what belongs into escrow."""

    state_directory: Path
    store: ObjectStore
    evidence: EvidencePlace
    clock_offset_limit: timedelta
    run_deadline: timedelta
    step_timeout: timedelta
    services: tuple[Service, ...]
    drills: tuple[Drill, ...]
    escrow: tuple[EscrowItem, ...]
    in_use: tuple[InUse, ...]
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


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


_Named = TypeVar("_Named", bound=_HasName)


def _named(entries: tuple[_Named, ...], name: str, kind: str, key: str) -> _Named:
    for entry in entries:
        if entry.name == name:
            return entry
    known = [entry.name for entry in entries]
    raise ConfigurationError(
        f"there is no {kind} '{name}'",
        where=f"the inventory's {key}",
        remedy=f"{did_you_mean(closest(name, known))}Known: {', '.join(known) or 'none'}.",
    )
