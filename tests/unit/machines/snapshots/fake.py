"""A provider in memory; its machines fail where they are told to."""

# ruff: noqa: ARG002 - it has the methods of the Protocol, whether it needs what they are given or not

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from drillbook.errors import DrillbookError, InfrastructureError, LockedError, TakenError
from drillbook.model import Machine, MachineGroup, Power, Quiesce, Retention, Snapshot

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def group(
    *stages: tuple[str, ...],
    quiesce: Quiesce = Quiesce.NONE,
    window: float = 5,
    ram: bool = False,
    lock_wait: float = 600,
) -> MachineGroup:
    return MachineGroup(
        name="shop",
        provider="fake",
        stages=stages or (("db",), ("web1", "web2")),
        quiesce=quiesce,
        ram=ram,
        window=timedelta(seconds=window),
        retention=Retention(last=2),
        backup=None,
        probes={},
        heartbeat_file="/var/lib/drillbook/heartbeat.json",
        lock_wait=timedelta(seconds=lock_wait),
    )


@dataclass
class FakeProvider:
    """``fail`` holds (verb, host) pairs that raise; ``seconds_each`` is what a snapshot takes by the provider's clock.

    ``held`` says for how many looks a host is locked, ``late`` how often a (verb, host) pair is kept from being done by a lock.
    ``looks`` are the looks, each as the number of events before it. ``shown`` is the power that a look shows of a host, ``present``
    what it has; else it runs.
    """

    hosts: Sequence[str] = ("db", "web1", "web2")
    fail: set[tuple[str, str]] = field(default_factory=set)
    refusals: dict[str, str] = field(default_factory=dict)
    seconds_each: float = 1
    kept: list[Snapshot] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)
    now: datetime = START
    held: dict[str, int] = field(default_factory=dict)
    late: dict[tuple[str, str], int] = field(default_factory=dict)
    looks: list[int] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    taken_on: list[tuple[str, str]] = field(default_factory=list)
    error: DrillbookError | None = None
    shown: dict[str, Power] = field(default_factory=dict)
    present: dict[str, Power] = field(default_factory=dict)

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        self.looks.append(len(self.events))
        if self.error is not None:
            raise self.error
        return tuple(self._machine(number, host) for number, host in enumerate(hosts))

    def explain_lock(self, machine: Machine) -> str:
        return f"task 7 holds {machine.host}"

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:
        return f"it is locked ({machine.lock})" if machine.lock else self.refusals.get(machine.host)

    def look_again(self, machine: Machine) -> Machine:
        self._do("look_again", machine)
        return replace(machine, power=self.present.get(machine.host, Power.RUNNING))

    def freeze(self, machine: Machine, timeout: timedelta) -> None:
        self._do("freeze", machine)

    def thaw(self, machine: Machine, timeout: timedelta) -> None:
        self._do("thaw", machine)

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:
        self._do("take", machine)
        if any((entry.host, entry.name) == (machine.host, name) for entry in self.kept):
            raise TakenError(f"{name} is already used", where=machine.host, remedy="Take another name.")
        self.taken_on.append((machine.host, machine.place))
        self.now += timedelta(seconds=self.seconds_each)
        self.kept.append(Snapshot(machine.host, name, self.now, ram, note))

    def complete(self, machine: Machine, name: str, timeout: timedelta) -> None:
        self._do("complete", machine)

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        return tuple(entry for entry in self.kept if entry.host == machine.host)

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:
        self._do("remove", machine)
        self.kept = [entry for entry in self.kept if (entry.host, entry.name) != (machine.host, name)]

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        self._do("go_back", machine)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        self._do("start", machine)

    def _machine(self, number: int, host: str) -> Machine:
        left = self.held.get(host, 0)
        self.held[host] = left - 1
        place, lock = self.places.get(host, "pve1"), "backup" if left > 0 else ""
        return Machine(host, f"qemu/{100 + number}", place, self.shown.get(host, Power.RUNNING), lock)

    def _do(self, verb: str, machine: Machine) -> None:
        self.events.append((verb, machine.host))
        if self.late.get((verb, machine.host), 0) > 0:
            self.late[verb, machine.host] -= 1
            raise LockedError("VM is locked (backup)", where=machine.host, remedy="Wait.")
        if (verb, machine.host) in self.fail:
            raise InfrastructureError(f"{verb} fails", where=machine.host, remedy="Nothing.")


class PlainProvider:
    """A provider with what each one can do, and no more: it freezes nothing, and knows no locks and no late snapshots."""

    def __init__(self, provider: FakeProvider) -> None:
        self.find = provider.find
        self.refusal = provider.refusal
        self.take = provider.take
        self.snapshots = provider.snapshots
        self.remove = provider.remove
        self.go_back = provider.go_back
        self.start = provider.start


@contextmanager
def nothing(_what: object) -> Iterator[None]:
    yield
