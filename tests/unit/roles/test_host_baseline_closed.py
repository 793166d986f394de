"""A host that others use is not closed by an inventory that says nothing of it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFLIGHT = Path(__file__).resolve().parents[3] / "roles/host_baseline/tasks/closed.yml"

pytestmark = pytest.mark.skipif(shutil.which("ss") is None, reason="the module reads what listens by iproute2's ss")


def listener(address: str) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        yield server.getsockname()[1]


@pytest.fixture(params=["0.0.0.0", "::"])  # noqa: S104 # that is what is refused
def everywhere(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port that something listens on for others."""
    yield from listener(request.param)


@pytest.fixture(params=["127.0.0.1", "::1"])
def locally(request: pytest.FixtureRequest) -> Iterator[int]:
    """One that only this machine reaches."""
    yield from listener(request.param)


def closed(tmp_path: Path, *, ssh_port: int = 22) -> tuple[int, str]:
    """Run the refusal by itself, as the role does where nothing is opened."""
    variables = {"host_baseline_firewall_ssh_port": ssh_port}
    play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [{"import_tasks": str(PREFLIGHT)}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            "localhost,",
            "-c",
            "local",
            tmp_path / "play.yml",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, " ".join(done.stdout.split())


def test_who_listens_for_others_is_named(tmp_path: Path, everywhere: int) -> None:
    status, said = closed(tmp_path)
    assert status != 0
    assert f"{everywhere} (" in said
    assert "the firewall would open nothing but ssh. Nothing was touched." in said


def test_who_listens_for_the_host_itself_is_not(tmp_path: Path, locally: int) -> None:
    assert f"{locally} (" not in closed(tmp_path)[1]


def test_the_port_of_ssh_is_open_anyway(tmp_path: Path, everywhere: int) -> None:
    assert f"{everywhere} (" not in closed(tmp_path, ssh_port=everywhere)[1]
