"""A refusal is an answer: only silence and a missing route are isolation."""

import importlib.util
import socket
from pathlib import Path
from types import ModuleType

import pytest

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/isolation_probe.py"


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    specification = importlib.util.spec_from_file_location("isolation_probe", MODULE)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_a_listener_is_open(probe: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = probe.attempt({"name": "store", "address": "127.0.0.1", "port": port, "expect": "open"}, 1.0)
    assert seen["open"] is True


def test_a_refusal_counts_as_reached(probe: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    seen = probe.attempt({"name": "production", "address": "127.0.0.1", "port": port, "expect": "closed"}, 1.0)
    assert seen["open"] is True
    assert "refused" in seen["text"]


def test_no_route_is_closed(probe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_arguments: object, **_named: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(probe.socket, "create_connection", unreachable)
    assert probe.attempt({"name": "x", "address": "203.0.113.1", "port": 1, "expect": "closed"}, 1.0)["open"] is False


def test_an_unexpected_error_is_not_taken_for_silence(probe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(*_arguments: object, **_named: object) -> None:
        raise OSError(104, "Connection reset by peer")

    monkeypatch.setattr(probe.socket, "create_connection", reset)
    assert probe.attempt({"name": "x", "address": "203.0.113.1", "port": 1, "expect": "closed"}, 1.0)["open"] is True
