"""Let drillbook's planner choose the recovery point: the same pure code for a drill and for the bad day."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.errors import DrillbookError
from drillbook.kinds.postgresql.recovery_point import (
    RecoveryPointError,
    archived_until,
    choose,
    refuse_holes,
    server_version,
)
from drillbook.kinds.postgresql.wal import Archive


class ActionModule(ActionBase):
    """Runs on the controller; fails with the reason and the remedy when no recovery point serves the request."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"info", "archive", "history", "stanza", "request", "whole"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return point (for the record), options (for pgBackRest), predicted (bytes, disk_bytes) and the server's major version."""
        result = super().run(tmp, task_vars)
        asked = self._task.args
        listing = archived_until(asked.get("archive") or {}, asked["request"].get("until"))
        histories = {path: text for path, text in (asked.get("history") or {}).items() if path in listing}
        archive = Archive.parse(listing, histories)
        try:
            point = choose(
                asked["info"], archive, asked["stanza"], asked["request"], (task_vars or {}).get("drillbook_run_id", "")
            )
            if asked.get("whole"):
                refuse_holes(point, asked["request"].get("accept_hole"))
        except (RecoveryPointError, DrillbookError) as error:
            raise AnsibleActionFail(f"{error}. {error.remedy}") from None  # Ansible would print the cause twice
        result.update(
            changed=False,
            point=point.as_json(),
            options=point.options(),
            predicted=point.predicted(),
            version=server_version(asked["info"], asked["stanza"]),
        )
        return result
