"""What the inventory says for groups, as Ansible itself holds it: whatever its layout, unrendered, and in Ansible's own precedence."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible import constants
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.utils.vars import combine_vars
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path

from drillbook.errors import ConfigurationError

EVERY_HOST = "all"
SERVICE = "drillbook_service"


class InventoryGroups:
    """Groups of a running playbook's inventory; nothing of it is changed.

    ``inventory`` is Ansible's InventoryManager, ``loader`` its DataLoader, ``playbook_directory`` where group_vars may lie as well.
    """

    def __init__(self, inventory: Any, loader: Any, playbook_directory: str) -> None:
        self._inventory = inventory
        self._loader = loader
        self._playbook_directory = playbook_directory

    def of_service(self, name: str) -> str:
        """Return the group whose own ``drillbook_service`` is called ``name``; raises ConfigurationError."""
        services = dict(self._services())
        found = sorted(group for group, service in services.items() if service == name)
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted(set(services.values()))) or "none"
        raise ConfigurationError(
            f"{len(found)} groups are the service '{name}'" if found else f"no group is the service '{name}'",
            where=f"the inventory's {SERVICE}",
            remedy=f"Name one of: {known}." if not found else f"Leave it to one of {', '.join(found)}.",
        )

    def shared_by_hosts_of(self, name: str) -> tuple[str, ...]:
        """Return the groups, other than `all`, in which every host of the group ``name`` stands; raises ConfigurationError."""
        group = self._inventory.groups.get(name)
        hosts = group.get_hosts() if group is not None else []
        if not hosts:
            raise ConfigurationError(
                f"the group '{name}' has no hosts", where="the inventory", remedy="Name the group of a service."
            )
        shared = set.intersection(*({found.name for found in host.get_groups()} for host in hosts))
        return tuple(sorted(shared - {EVERY_HOST}))

    def variables_of(self, names: Iterable[str]) -> dict[str, Any]:
        """Return what the inventory says for these groups, as a host that stands in all of them has it.

        Values are raw: templates are rendered, and vaulted values are read, by whoever uses them.
        """
        groups = sort_groups([self._inventory.groups[name] for name in names])
        layers: Mapping[str, Callable[[], dict[str, Any]]] = {
            "groups_inventory": lambda: get_group_vars(groups),
            "groups_plugins_inventory": lambda: get_vars_from_inventory_sources(
                self._loader,
                self._inventory._sources,  # noqa: SLF001  # as Ansible's own variable manager asks; there is no other way
                groups,
                "task",
            ),
            "groups_plugins_play": lambda: get_vars_from_path(self._loader, self._playbook_directory, groups, "task"),
        }
        found: dict[str, Any] = {}
        for layer in constants.VARIABLE_PRECEDENCE:
            if layer in layers:
                found = combine_vars(found, layers[layer]())
        return found

    def _services(self) -> Iterable[tuple[str, str]]:
        for name in self._inventory.groups:
            declared = self.variables_of([name]).get(SERVICE) if name != EVERY_HOST else None
            if isinstance(declared, Mapping) and "name" in declared:
                yield name, str(declared["name"])
