"""Make a call of Proxmox VE; one that starts a task fails with what the task says as soon as it has ended."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.clock import SystemClock
from drillbook.errors import DrillbookError
from drillbook.providers.proxmox.api import ProxmoxApi, api_of
from drillbook.providers.proxmox.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping


class ActionModule(ActionBase):
    """Runs on the controller.

    The modules of community.proxmox wait until their timeout where a task fails, and show the first line of its log. To read one machine they
    ask all nodes, so one that is away fails them all.
    """

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"access", "method", "path", "parameters", "task", "vmid", "what", "timeout_seconds"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the data that was read, or the task's warnings. In check mode only reads are made."""
        result = super().run(tmp, task_vars)
        asked = self._task.args
        reads = asked["method"] == "get"
        if self._task.check_mode and not reads:
            result.update(changed=False, skipped=True)
            return result
        try:
            api = api_of(asked["access"])
            if reads:
                result.update(changed=False, data=_call(api, asked))
            else:
                result.update(changed=True, warnings=_run(api, asked))
        except DrillbookError as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible would print the cause twice
        return result


def _call(api: ProxmoxApi, asked: Mapping[str, Any]) -> Any:
    """Truth values are 0 and 1 there."""
    parameters = {
        key: int(value) if isinstance(value, bool) else value for key, value in (asked.get("parameters") or {}).items()
    }
    return getattr(api, str(asked["method"]))(str(asked["path"]), **parameters)


def _run(api: ProxmoxApi, asked: Mapping[str, Any]) -> list[str]:
    found = Tasks(api, SystemClock()).run(
        partial(_call, api, asked),
        node=str(asked["path"]).split("/")[2],
        kind=str(asked["task"]),
        vmid=str(asked["vmid"]),
        what=str(asked["what"]),
        timeout=timedelta(seconds=float(asked["timeout_seconds"])),
    )
    return list(found)
