"""Hand one fact of a run (the recovery point, a prediction, the newest heartbeat) to the drill that watches."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Runs on the controller; the drill reads it from the task's event (`set_stats` does not come back per host)."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"name", "value"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the fact under `drillbook_fact`: {"name": ..., "value": ...}."""
        result = super().run(tmp, task_vars)
        if not {"name", "value"} <= set(self._task.args):
            raise AnsibleActionFail("drillbook_fact needs a name and a value")
        result.update(
            changed=False,
            drillbook_fact={"name": self._task.args["name"], "value": self._task.args["value"]},
        )
        return result
