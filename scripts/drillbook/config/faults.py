"""What is wrong with an inventory: collected while it is read, so that all of it can be said at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from drillbook.config.inventory import PREFIX, Inventory
from drillbook.errors import ConfigurationError

_SHORTEST = 3
"""Letters that a name must have to be taken for the beginning of another."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A key that is wrong; ``owner`` is the group or the host that it is written for, ``files`` are those that name it."""

    message: str
    owner: str
    key: str
    remedy: str
    files: tuple[str, ...] = ()
    unknown: bool = False

    @property
    def where(self) -> str:
        """Files, owner and key."""
        return ", ".join((*self.files, self.owner, f"key {self.key}"))

    def error(self) -> ConfigurationError:
        """The same, to be raised."""
        return ConfigurationError(self.message, where=self.where, remedy=self.remedy)

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        return {
            "message": self.message,
            "where": self.where,
            "owner": self.owner,
            "key": self.key,
            "files": list(self.files),
            "remedy": self.remedy,
        }


class Faults:
    """Collects faults, each once. Unknown keys come first: what else is said is often only what follows from one."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._found: list[Fault] = []

    def add(self, message: str, group: str, key: str, remedy: str, *, unknown: bool = False) -> None:
        """A key of a group; ``key`` begins with the variable's name."""
        files = self._inventory.files_of("group_vars", group, key)
        self._append(Fault(message, f"group_vars of {group}", key, remedy, files, unknown))

    def add_of_host(self, message: str, host: str, key: str, remedy: str) -> None:
        """A key of a host."""
        self._append(Fault(message, f"host {host}", key, remedy, self._inventory.files_of("host_vars", host, key)))

    def __iter__(self) -> Iterator[Fault]:
        """In the order in which they should be corrected."""
        return iter(sorted(self._found, key=lambda fault: not fault.unknown))

    def _append(self, fault: Fault) -> None:
        if fault not in self._found:
            self._found.append(fault)


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like ``name``, or that it is the beginning of; None where there is none."""
    # What all of them begin with would make all of them alike.
    by_rest = {one.removeprefix(PREFIX): one for one in sorted(known)}
    rest = name.removeprefix(PREFIX)
    begun = [one for one in by_rest if one.startswith(rest)] if len(rest) >= _SHORTEST else []
    found = [*get_close_matches(rest, by_rest, n=1), *begun]
    return by_rest[found[0]] if found else None


def did_you_mean(name: str | None) -> str:
    """The question, with a space behind it; empty without a name."""
    return f"Did you mean '{name}'? " if name else ""
