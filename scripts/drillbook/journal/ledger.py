"""What a run creates, written down before it is created, so that any successor can remove exactly that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from drillbook.clock import Clock
from drillbook.journal.lines import OddLine, append_line, read_lines
from drillbook.model import Claim, format_instant
from drillbook.process import ProcessIdentity

LEDGER_SCHEMA = "drillbook.ledger/2"
LEDGER_FILE = "ledger.jsonl"


class ResourceKind(StrEnum):
    """What can be in a ledger."""

    OWNER = "owner"
    PROCESS = "process"
    MACHINE = "machine"
    FILE = "file"


class State(StrEnum):
    """How far a resource is; everything but ``removed`` is still there, or may be."""

    INTENDED = "intended"
    KEPT = "kept"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing.

    ``name`` is the pid of a process, the provider of a machine and its identifier there, the path of a file; ``details`` is what
    its removal needs.
    """

    kind: ResourceKind
    name: str
    details: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.INTENDED

    def as_json(self) -> dict[str, str]:
        """Return the form that the record carries."""
        return {"kind": self.kind.value, "name": self.name, "state": self.state.value}

    @property
    def process(self) -> ProcessIdentity:
        """The identity of an owner or process entry; raises KeyError for another kind."""
        return ProcessIdentity(int(self.name), int(self.details["start_ticks"]), str(self.details["boot_id"]))

    @property
    def claim(self) -> Claim:
        """What a machine's entry claims; raises KeyError for another kind."""
        return Claim(**{key: str(self.details[key]) for key in ("provider", "host", "identifier", "run_id")})


def process_resource(kind: ResourceKind, identity: ProcessIdentity, **details: object) -> Resource:
    """Describe a process so that a later one with the same number is not taken for it."""
    return Resource(
        kind,
        str(identity.pid),
        {"start_ticks": identity.start_ticks, "boot_id": identity.boot_id, **details},
    )


def machine_resource(claim: Claim) -> Resource:
    """Describe a machine that a provider is about to make for the run."""
    return Resource(ResourceKind.MACHINE, f"{claim.provider}: {claim.identifier or claim.host}", asdict(claim))


class Ledger:
    """One file per run, append only."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.path = directory / LEDGER_FILE
        self._clock = clock

    def intend(self, resource: Resource) -> None:
        """Write down what is about to be created; returns when it is on disk."""
        self._append(resource, resource.state)

    def settle(self, resource: Resource, state: State = State.REMOVED) -> None:
        """Write down what has become of it."""
        self._append(resource, state)

    def resources(self) -> tuple[Resource, ...]:
        """Everything ever written down, with its last state, in the order of creation; what is odd is left out."""
        return self._read()[0]

    def odd(self) -> tuple[OddLine, ...]:
        """Lines that can't be read, or that this version does not know: each may be something that is still there."""
        return self._read()[1]

    def _read(self) -> tuple[tuple[Resource, ...], tuple[OddLine, ...]]:
        # pydantic takes a while to load, and a child that only adds a line has no use for it
        from drillbook.journal.ledger_lines import is_gone, key_of, line_of  # noqa: PLC0415 - said above

        lines = read_lines(self.path)
        found: dict[object, Resource] = {}
        odd: dict[object, OddLine] = {line.number: line for line in lines.odd}
        for number, entry in lines.entries:
            key = key_of(entry) or number
            try:
                known = found.get(key)
                line = line_of(entry, known.details if known else {})
                found[key] = Resource(ResourceKind(line.kind), line.name, line.details, State(line.state))
                odd.pop(key, None)
            except ValueError as error:
                odd[key] = OddLine(self.path, number, str(error))
                if is_gone(entry):
                    del odd[key]
                    found.pop(key, None)
        return tuple(found.values()), tuple(sorted(odd.values(), key=lambda line: line.number))

    def outstanding(self) -> tuple[Resource, ...]:
        """What is still there or may be, newest first (the order in which to remove it); never the owner."""
        left = [
            resource
            for resource in self.resources()
            if resource.state is not State.REMOVED and resource.kind is not ResourceKind.OWNER
        ]
        return tuple(reversed(left))

    def owner(self) -> Resource | None:
        """The process that carries out the run; None if it never got to write itself down."""
        return next((entry for entry in self.resources() if entry.kind is ResourceKind.OWNER), None)

    @property
    def targets(self) -> tuple[str, ...]:
        """What the run holds while anything of it is there: sandbox hosts, providers, groups; none if it never got to say so."""
        owner = self.owner()
        return tuple(owner.details.get("targets", ())) if owner else ()

    def owner_alive(self) -> bool:
        """Tell whether the run is still being carried out."""
        owner = self.owner()
        return owner is not None and owner.state is not State.REMOVED and owner.process.alive()

    @property
    def owner_untold(self) -> bool:
        """Tell whether a line that can't be read may have named the owner: nobody knows then whether it is alive."""
        return self.owner() is None and bool(self.odd())

    def _append(self, resource: Resource, state: State) -> None:
        append_line(
            self.path,
            {
                "schema": LEDGER_SCHEMA,
                "at": format_instant(self._clock.now()),
                "kind": resource.kind.value,
                "name": resource.name,
                "details": dict(resource.details),
                "state": state.value,
            },
        )
