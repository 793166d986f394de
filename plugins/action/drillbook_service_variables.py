"""Give a sandbox the variables of a service's groups for the rest of the run: it stands in none of them."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.ansible.inventory_groups import InventoryGroups
from drillbook.errors import ConfigurationError

# How a host is reached, and by which Python, is said for that host: a sandbox is reached as a sandbox.
_OF_THE_CONNECTION = "ansible_"
_GIVEN = "__drillbook_service_variables"


class ActionModule(ActionBase):
    """Runs on the controller; the host gets the values unrendered, as if its own inventory said them."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"group"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the names in `variables`; the values go to Ansible's inventory alone, by the way of `add_host`.

        What the inventory says for the host itself is kept: a host's own value outranks its group's.
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        group = str(self._task.args.get("group") or "")
        name = str((task_vars or {}).get("inventory_hostname"))
        manager = self._task.get_variable_manager()
        inventory = manager._inventory  # noqa: SLF001  # the task has no other way to it
        groups = InventoryGroups(inventory, self._loader, self._loader.get_basedir())
        try:
            found = groups.variables_of(groups.shared_by_hosts_of(group))
        except ConfigurationError as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible would print the cause twice
        own = inventory.get_host(name).vars
        given = own.get(_GIVEN) or {"group": group, "names": []}
        if given["group"] != group:
            raise AnsibleActionFail(
                f"{name} has the variables of {given['group']} in this run already, and those of {group} would be mixed with them. "
                "Restore each service by a run of its own."
            )
        kept = own.keys() - set(given["names"])
        values = {
            key: value for key, value in found.items() if key not in kept and not key.startswith(_OF_THE_CONNECTION)
        }
        noted = {_GIVEN: {"group": group, "names": sorted(values)}}
        result.update(
            changed=False,
            # The values hold the service's secrets; an error is shown, this is not.
            _ansible_no_log=True,
            variables=sorted(values),
            add_host={"host_name": name, "groups": [], "host_vars": {**values, **noted}},
        )
        return result
