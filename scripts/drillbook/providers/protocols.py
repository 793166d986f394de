"""What a provider of machines can do. One module per vendor; its types and dictionaries stop there."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from drillbook.model import Machine, Quiesce, Snapshot


class Machines(Protocol):
    """Finds machines."""

    def find(self, hosts: Sequence[str]) -> tuple[Machine, ...]:
        """Return the machines of these inventory hosts, in this order.

        Raises ConfigurationError for a host that the provider does not know or knows twice.
        """
        ...


class Snapshots(Machines, Protocol):
    """Takes, lists, removes and goes back to snapshots of single machines. Every call is bounded in time and raises DrillbookError."""

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:
        """Say why this machine can't be snapshotted now (storage, lock, state); None when it can."""
        ...

    def freeze(self, machine: Machine, timeout: timedelta) -> None:
        """Bring its file systems to rest; whoever calls this calls `thaw`, whatever happens."""
        ...

    def thaw(self, machine: Machine, timeout: timedelta) -> None:
        """Let its file systems go on; nothing happens where they are not frozen."""
        ...

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:
        """Take a snapshot and return when it is there."""
        ...

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        """Return all its snapshots, whoever took them."""
        ...

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Remove a snapshot and return when it is gone; nothing happens where it is not there."""
        ...

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Put the machine back to a snapshot; it is left stopped, or running where its memory came back."""
        ...

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it; nothing happens where it runs."""
        ...
