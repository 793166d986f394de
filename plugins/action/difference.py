"""Show what a run changes (or, in check mode, would change) before modules that can't show it themselves do it."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.yaml import yaml_dump
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Runs on the controller; changed when the two differ, with the difference for `--diff`."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"before", "after"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return both as YAML; raises AnsibleActionFail where one is missing."""
        result = super().run(tmp, task_vars)
        if not {"before", "after"} <= set(self._task.args):
            raise AnsibleActionFail("difference needs before and after")
        before, after = self._task.args["before"], self._task.args["after"]
        result.update(changed=before != after, before=before, after=after)
        if before != after:
            result["diff"] = {"before": _text(before), "after": _text(after)}
        return result


def _text(value: Any) -> str:
    return yaml_dump(value, default_flow_style=False) if value else ""
