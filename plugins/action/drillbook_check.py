"""Record one acceptance check of a drill; the play goes on, the verdict is drawn from all of them."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

STAGES = ("gate", "isolation", "verify", "prove")


class ActionModule(ActionBase):
    """Runs on the controller, needs no connection, changes nothing, and so works in check mode."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"name", "stage", "passed", "skipped", "expected", "actual", "message", "remedy"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the check under `drillbook_check` and add it to the host fact `drillbook_checks`."""
        result = super().run(tmp, task_vars)
        check = _check(self._task.args)
        before = ((task_vars or {}).get("ansible_facts") or {}).get("drillbook_checks") or []
        result.update(
            changed=False,
            drillbook_check=check,
            ansible_facts={"drillbook_checks": [*before, check]},
        )
        return result


def _check(args: dict[str, Any]) -> dict[str, Any]:
    stage = args.get("stage", "verify")
    if "name" not in args or stage not in STAGES:
        raise AnsibleActionFail(f"drillbook_check needs a name and a stage out of {', '.join(STAGES)}")
    skipped = args.get("skipped", False)
    passed = args.get("passed", False)
    if not isinstance(skipped, bool) or not isinstance(passed, bool):
        raise AnsibleActionFail(
            f"check {args['name']}: passed and skipped are booleans, not {passed!r} and {skipped!r}"
        )
    return {
        "name": args["name"],
        "stage": stage,
        "status": "skipped" if skipped else ("passed" if passed else "failed"),
        "expected": args.get("expected"),
        "actual": args.get("actual"),
        "message": str(args.get("message", "")),
        "remedy": str(args.get("remedy", "")),
    }
