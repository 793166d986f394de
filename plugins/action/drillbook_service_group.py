"""Find the group that a service is, by what the inventory says, for playbooks that an operator runs by hand."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.ansible.inventory_groups import InventoryGroups
from drillbook.errors import ConfigurationError


class ActionModule(ActionBase):
    """Runs on the controller and reads the inventory alone."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"service", "group"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `group`: the one that was given, or else the one whose `drillbook_service` has the name `service`."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        group = self._task.args.get("group") or ""
        if not group:
            manager = self._task.get_variable_manager()
            groups = InventoryGroups(manager._inventory, self._loader, self._loader.get_basedir())  # noqa: SLF001  # the task has no other way to it
            try:
                group = groups.of_service(str(self._task.args.get("service") or ""))
            except ConfigurationError as error:
                raise AnsibleActionFail(str(error)) from None  # Ansible would print the cause twice
        result.update(changed=False, group=group)
        return result
