"""A login that fails once is tried again, as plain ssh does; one that fails twice is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ansible_mitogen.connection
import pytest
from ansible.errors import AnsibleConnectionFailure
from tests.support.modules import module_at

STRATEGY = Path(__file__).resolve().parents[3] / "plugins/strategy/mitogen_unpinned.py"
DOWN = {"msg": "Connection timed out.", "method_name": "ssh"}
UP = {"msg": None, "method_name": "ssh", "context": "the host", "via": None, "init_child_result": {}}


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What Mitogen's connection does to log in, with the strategy loaded: it gets these answers, one for each try."""
    connection = ansible_mitogen.connection.Connection
    monkeypatch.setattr(connection, "_connect_stack", connection._connect_stack)
    module_at(STRATEGY)

    def run(*answers: dict[str, Any]) -> list[dict[str, Any]]:
        left = list(answers)
        monkeypatch.setattr("mitogen.service.call", lambda **_: left.pop(0))
        monkeypatch.setattr("ansible_mitogen.connection.CallChain", lambda *_, **__: None)
        asking = SimpleNamespace(
            binding=SimpleNamespace(get_service_context=lambda: None), become=None, become_methods=("sudo",)
        )
        connection._connect_stack(asking, ())
        return left

    return run


def test_one_that_is_slow_for_a_moment_is_reached(connect: Any) -> None:
    assert connect(DOWN, UP) == []
    assert connect(UP, DOWN) == [DOWN], "what was reached is not logged in to again"


def test_one_that_is_gone_is_told(connect: Any) -> None:
    with pytest.raises(AnsibleConnectionFailure, match="timed out"):
        connect(DOWN, DOWN, UP)
