"""What a guest really is where a test gave it more than records: something that boots from its cloud-init data and can be logged in to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tests.support.proxmox.state import Guest


class Bodies(Protocol):
    """Follows what becomes of guests; of those that it has none for it says so, and they stay records."""

    def has(self, guest: Guest) -> bool:
        """Whether this guest is more than records."""
        ...

    def power_on(self, guest: Guest, seed: Mapping[str, str]) -> None:
        """Start it with the files of its cloud-init drive."""
        ...

    def power_off(self, guest: Guest) -> None:
        """Pull its plug."""
        ...

    def remove(self, guest: Guest) -> None:
        """Destroy it with its disks."""
        ...

    def read(self, guest: Guest, path: str) -> bytes | None:
        """A file inside, as its agent reads it; None where there is none, or nothing answers."""
        ...
