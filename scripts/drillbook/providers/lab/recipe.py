"""How a container was made, read from what podman remembers, so that another one can be made like it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

_SHORT = {"d": "detach", "e": "env", "h": "hostname", "l": "label", "m": "memory", "p": "publish", "v": "volume"}
_OF_ONE_CALL = frozenset({"name", "detach", "replace", "pull", "cidfile", "pidfile", "conmon-pidfile"})
"""Options that say something about the call and not about the container."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The options of `podman create`, each with its value (None: a switch), and the program that it was told to run."""

    options: tuple[tuple[str, str | None], ...]
    command: tuple[str, ...]

    def values(self, name: str) -> tuple[str, ...]:
        """What was given for an option, in order."""
        return tuple(value for option, value in self.options if option == name and value is not None)

    def only(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the arguments for these options, as they were given."""
        return tuple(_argument(name, value) for name, value in self.options if name in names)

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments for all options but those of that one call."""
        return self.only({name for name, _value in self.options} - _OF_ONE_CALL)

    @property
    def arguments_without_labels(self) -> tuple[str, ...]:
        """The same without labels, which say what that one container was for."""
        return self.only({name for name, _value in self.options} - _OF_ONE_CALL - {"label"})

    def macs(self) -> frozenset[str]:
        """The hardware addresses that it was given."""
        given = [part.removeprefix("mac=") for network in self.values("network") for part in _network_parts(network)]
        return frozenset(mac.lower() for mac in (*given, *self.values("mac-address")) if ":" in mac)


def recipe_of(container: Mapping[str, Any]) -> Recipe | None:
    """Read it; None where podman's command line did not make it, or was told something that can't be told again."""
    words = [str(word) for word in container["Config"].get("CreateCommand") or ()]
    verb = next((place for place, word in enumerate(words) if word in ("run", "create")), None)
    image = str(container["ImageName"])
    if verb is None or not set(words[:verb]) <= {"podman", "container"} or image not in words:
        return None
    last = len(words) - 1 - words[::-1].index(image)
    options = _options(words[verb + 1 : last])
    return None if options is None else Recipe(options, tuple(words[last + 1 :]))


def _options(words: list[str]) -> tuple[tuple[str, str | None], ...] | None:
    found: list[tuple[str, str | None]] = []
    place = 0
    while place < len(words):
        name, equals, value = words[place].partition("=")
        if not name.startswith("-"):
            return None
        name = name.removeprefix("--") if name.startswith("--") else _SHORT.get(name.removeprefix("-"), "")
        if not name:
            return None
        following = words[place + 1] if place + 1 < len(words) else "-"
        if equals:
            found.append((name, value))
        elif _is_value(following):
            found.append((name, following))
            place += 1
        else:
            found.append((name, None))
        place += 1
    return tuple(found)


def _is_value(word: str) -> bool:
    """A word between options that is no option itself; -1 is a number."""
    return not word.startswith("-") or word.removeprefix("-").isdigit()


def _argument(name: str, value: str | None) -> str:
    return f"--{name}" if value is None else f"--{name}={value}"


def _network_parts(network: str) -> list[str]:
    return [part for part in network.partition(":")[2].split(",") if part.startswith("mac=")]
