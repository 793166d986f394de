"""The check action: status from true booleans only; anything else is a mistake in the play, not a verdict."""

from pathlib import Path
from types import ModuleType

import pytest
from ansible.errors import AnsibleActionFail
from tests.support.modules import module_at

PLUGIN = Path(__file__).resolve().parents[3] / "plugins/action/drillbook_check.py"


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    return module_at(PLUGIN)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"name": "a", "passed": True}, "passed"),
        ({"name": "a", "passed": False}, "failed"),
        ({"name": "a"}, "failed"),
        ({"name": "a", "skipped": True, "passed": True}, "skipped"),
    ],
)
def test_status(plugin: ModuleType, arguments: dict[str, object], status: str) -> None:
    assert plugin._check(arguments)["status"] == status


@pytest.mark.parametrize(
    "arguments",
    [{"passed": True}, {"name": "a", "passed": "true"}, {"name": "a", "stage": "later", "passed": True}],
)
def test_a_mistaken_check_is_refused(plugin: ModuleType, arguments: dict[str, object]) -> None:
    with pytest.raises(AnsibleActionFail):
        plugin._check(arguments)
