"""Reads the inventory as Ansible sees it: groups, their hosts and their own variables."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.config.files import files_naming
from drillbook.controller import ansible_environment
from drillbook.errors import ConfigurationError

_TIMEOUT = timedelta(minutes=2)
_ADDRESS = re.compile(r"^(?:\d{1,3}\.){3}\d{1,3}$")
_SHOWN = 1200
_ERROR = re.compile(r"^\[ERROR\]: (.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_UNPARSED = "Completely failed to parse inventory source"
_VAULT = re.compile(r"no vault secrets|decryption failed|vault password|vault-ids?\b", re.IGNORECASE)
_UNSAFE = "__ansible_unsafe"
_ASKING = r"\.(?:proxmox|aws_ec2)\.ya?ml$"
"""Names of the files whose plug-in asks a provider: what is declared stands beside them."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group: its direct hosts and children, and the variables written for it."""

    hosts: tuple[str, ...]
    children: tuple[str, ...]
    variables: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inventory:
    """All groups, and what each host says for itself; ``sources`` are the files or directories that it was read from."""

    groups: Mapping[str, Group]
    host_variables: Mapping[str, Mapping[str, Any]]
    sources: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> "Inventory":
        """Build it from the JSON of ``ansible-inventory --list --export``."""
        groups = {
            name: Group(
                hosts=tuple(group.get("hosts", ())),
                children=tuple(group.get("children", ())),
                variables=_plain(group.get("vars", {})),
            )
            for name, group in data.items()
            if name != "_meta"
        }
        return cls(groups=groups, host_variables=_plain(data.get("_meta", {}).get("hostvars", {})))

    def hosts_of(self, group: str) -> tuple[str, ...]:
        """Hosts of a group and of the groups below it, each once, in order."""
        return tuple(dict.fromkeys(self._walk(group)))

    def address_of(self, host: str) -> str | None:
        """Where a host is reached; None where that is not said as an address (a name, a template, nothing)."""
        said = str(self.host_variables.get(host, {}).get("ansible_host", ""))
        return said if _ADDRESS.match(said) else None

    def files_of(self, folder: str, owner: str, key: str) -> tuple[str, ...]:
        """Files that name the variable at the beginning of ``key`` for a group (``group_vars``) or a host (``host_vars``)."""
        variable = re.match(r"\w*", key)
        return files_naming(self.sources, folder, owner, variable[0]) if variable and variable[0] else ()

    def value_of(self, host: str, *names: str) -> Any:
        """What a variable is for a host, unrendered, by Ansible's precedence of groups; of several ``names`` the last that is set counts.

        None where nobody says it.
        """
        said = [
            *(self.groups[name].variables for name in self._groups_of(host)),
            self.host_variables.get(host, {}),
        ]
        values = [next((one[name] for one in reversed(said) if name in one), None) for name in names]
        return next((value for value in reversed(values) if value is not None), None)

    def _groups_of(self, host: str) -> Iterable[str]:
        """Those that it stands in, the weakest first: by depth below ``all``, then by priority, then by name."""
        depths: dict[str, int] = {}
        todo = [("all", 0)]
        while todo:
            name, depth = todo.pop()
            if name in self.groups and depths.get(name, -1) < depth:
                depths[name] = depth
                todo += [(child, depth + 1) for child in self.groups[name].children]
        found = [name for name in depths if host in self.hosts_of(name)]

        def strength(name: str) -> tuple[int, int, str]:
            return depths[name], int(self.groups[name].variables.get("ansible_group_priority", 1)), name

        return sorted(found, key=strength)

    def _walk(self, name: str) -> Iterable[str]:
        group = self.groups.get(name)
        if group is None:
            return
        yield from group.hosts
        for child in group.children:
            yield from self._walk(child)


def _plain(value: Any) -> Any:
    """The values as they are used: ansible-inventory wraps what an inventory plug-in composed, so that it is never rendered."""
    if isinstance(value, Mapping):
        return value[_UNSAFE] if value.keys() == {_UNSAFE} else {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _cause(said: str) -> str:
    """What Ansible says first of its errors, for what follows are consequences; else the beginning and the end of all that it said.

    That an inventory could not be parsed is a consequence itself: why stands in the warnings before it.
    """
    first = _ERROR.search(said)
    text = first[1].strip() if first and not first[1].startswith(_UNPARSED) else said
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} [...] {text[-_SHOWN // 2 :]}"


def _remedy(cause: str) -> str:
    """By what Ansible said: a vaulted file that can't be opened, and one that is not there, are no mistakes in the inventory."""
    if _VAULT.search(cause):
        return (
            "Set ANSIBLE_VAULT_PASSWORD_FILE to the file that holds the vault's password; "
            "`. <directory of drillbook init>/environment` does."
        )
    if "vault_" in cause and "undefined" in cause:
        return "Its vaulted variables are not there: see vault.yml in docs/how-to/provision.md."
    return "Correct the inventory."


def read_inventory(
    sources: Sequence[Path], *, root: Path, declared_is_enough: Callable[[str], None] | None = None
) -> Inventory:
    """Run ``ansible-inventory`` on ``sources`` in the repository ``root``; raises ConfigurationError.

    ``--export`` keeps a group's variables with the group, so that a message can say where a value stands. A half-read inventory is worse
    than none, but for who needs nothing of a provider: ``declared_is_enough`` is told where only the declared half could be read.
    """
    for source in sources:
        if not source.exists():
            raise ConfigurationError(
                f"inventory {source} does not exist",
                where=str(source),
                remedy="Give --inventory or DRILLBOOK_INVENTORY.",
            )
    done = _listed(sources, root, {})
    where = ", ".join(str(source) for source in sources)
    if done.returncode != 0:
        asking = [source for source in sources if _asks(source)]
        cause = _cause(done.stderr.strip())
        failed = ConfigurationError(
            f"ansible-inventory failed: {cause}", where=where, remedy=f"{_remedy(cause)}{_way_around(asking)}"
        )
        if declared_is_enough is not None and asking:
            done = _listed(sources, root, {"ANSIBLE_INVENTORY_IGNORE_REGEX": _ASKING})
        if done.returncode != 0 or declared_is_enough is None:
            raise failed
        declared_is_enough(f"warning: only what is declared is known: {failed.message}")
    try:
        return replace(Inventory.parse(json.loads(done.stdout)), sources=tuple(sources))
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"ansible-inventory printed something else than JSON: {error}", where=where, remedy="Correct the inventory."
        ) from error


def _listed(sources: Sequence[Path], root: Path, more: Mapping[str, str]) -> process.Completed:
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "--list", "--export"]
    for source in sources:
        command += ["--inventory", str(source)]
    return process.run(command, timeout=_TIMEOUT, directory=root, environment={**ansible_environment(root), **more})


def _asks(source: Path) -> bool:
    """Whether a directory has a file that asks a provider."""
    return source.is_dir() and any(re.search(_ASKING, path.name) for path in source.iterdir())


def _way_around(asking: Sequence[Path]) -> str:
    """For an inventory whose provider does not answer; each of its other files is a source of its own."""
    files = [
        path
        for source in asking
        for path in sorted(source.iterdir())
        if path.suffix in {".yml", ".yaml"} and not re.search(_ASKING, path.name)
    ]
    named = " ".join(f"-i {path}" for path in files)
    return f" Where its provider is away, name what is declared alone: {named}." if files else ""
