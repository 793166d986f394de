"""The inventory as Ansible sees it: groups, their hosts and their own variables."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drillbook.config.files import files_naming

_ADDRESS = re.compile(r"^(?:\d{1,3}\.){3}\d{1,3}$")
_UNSAFE = "__ansible_unsafe"
PREFIX = "drillbook_"
"""Of our own variables."""
_OF_ANSIBLE = frozenset(
    {
        "ansible_group_priority",
        "ansible_host",
        "ansible_port",
        "ansible_private_key_file",
        "ansible_ssh_args",
        "ansible_ssh_common_args",
        "ansible_ssh_extra_args",
        "ansible_ssh_port",
        "ansible_ssh_private_key_file",
        "certificates_authority_directory",
    }
)
"""Variables other than our own whose values are asked for; none of them is a secret."""


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
        """Build it from the JSON of ``ansible-inventory --list --export``.

        Of variables that are not asked for the name alone is kept, with None as the value: passwords come by here.
        """
        groups = {
            name: Group(
                hosts=tuple(group.get("hosts", ())),
                children=tuple(group.get("children", ())),
                variables=_kept(group.get("vars", {})),
            )
            for name, group in data.items()
            if name != "_meta"
        }
        hosts = data.get("_meta", {}).get("hostvars", {})
        return cls(groups=groups, host_variables={name: _kept(variables) for name, variables in hosts.items()})

    def as_json(self) -> dict[str, Any]:
        """Return the form that `parse` reads."""
        groups = {
            name: {"hosts": group.hosts, "children": group.children, "vars": group.variables}
            for name, group in self.groups.items()
        }
        return {**groups, "_meta": {"hostvars": self.host_variables}}

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

        None where nobody says it. Raises KeyError for a name whose values are not kept.
        """
        if lost := [name for name in names if not _asked(name)]:
            raise KeyError(*lost)
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


def _kept(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Names of variables with the values that are asked for."""
    return {name: _plain(value) if _asked(name) else None for name, value in variables.items()}


def _asked(name: str) -> bool:
    return name.startswith(PREFIX) or name in _OF_ANSIBLE


def _plain(value: Any) -> Any:
    """The values as they are used: ansible-inventory wraps what an inventory plug-in composed, so that it is never rendered."""
    if isinstance(value, Mapping):
        return value[_UNSAFE] if value.keys() == {_UNSAFE} else {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
