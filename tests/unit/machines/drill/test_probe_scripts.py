"""The scripts that run inside machines, run by a real shell, and what is made of their answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from drillbook.machines.drill.probe_scripts import (
    CannotProbeError,
    Endpoint,
    probe_script,
    reach_script,
    read_all_script,
    read_full_read,
    read_probes,
    read_reached,
)
from drillbook.model import GuestAnswer, MachineProbes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def shell(script: str, path: str | None = None) -> GuestAnswer:
    done = subprocess.run(
        ["/bin/sh", "-s"],
        input=script,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **({"PATH": path} if path else {})},
    )
    return GuestAnswer(done.returncode, done.stdout)


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH without bash."""
    for name in ("sh", "timeout", "python3", "cat", "getent"):
        # The interpreter itself: a python3 of the PATH may be a script in bash, as pyenv's is.
        found = sys.executable if name == "python3" else shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    return tmp_path


def test_what_answers_and_what_refuses_is_reached_and_what_is_silent_is_not(port: int, tools: Path) -> None:
    """The third one is silent as a dropped packet is: the try ends by its timeout."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    (tools / "bash").write_text('#!/bin/sh\n[ "$4" = 9 ] && exec sleep 9\nexec /bin/bash "$@"\n')
    (tools / "bash").chmod(0o755)
    (tools / "sleep").symlink_to("/bin/sleep")
    endpoints = [Endpoint("127.0.0.1", port), Endpoint("127.0.0.1", closed), Endpoint("127.0.0.1", 9)]
    seen = read_reached(shell(reach_script(endpoints, ["localhost", "nobody.invalid"]), path=str(tools)))
    assert seen.answered == {f"127.0.0.1:{port}", f"127.0.0.1:{closed}", "localhost"}
    assert seen.tried == {*map(str, endpoints), "localhost", "nobody.invalid"}


def test_python_does_where_there_is_no_bash(port: int, tools: Path) -> None:
    """On a busy machine it takes its time to start."""
    patient = reach_script([Endpoint("127.0.0.1", port)], []).replace("timeout 3 python3", "timeout 30 python3")
    seen = read_reached(shell(patient, path=str(tools)))
    assert seen.answered == {f"127.0.0.1:{port}"}


@pytest.mark.parametrize("missing", ["timeout", "python3"])
def test_a_machine_without_the_tools_is_not_taken_for_an_isolated_one(port: int, tools: Path, missing: str) -> None:
    (tools / missing).unlink()
    answer = shell(reach_script([Endpoint("127.0.0.1", port)], []), path=str(tools))
    if answer.exit_code == 0:
        assert read_reached(answer).tried == frozenset(), "so the check that wants all of them tried is red"
    else:
        with pytest.raises(CannotProbeError, match="neither bash nor python3"):
            read_reached(answer)


def test_ports_and_units(port: int) -> None:
    probes = MachineProbes((port, 9), ("no-such-unit",))
    found = read_probes(shell(probe_script(probes)), probes)
    assert found[f"port {port}"] == "open"
    assert found["port 9"] == "closed"
    assert found["unit no-such-unit"] in ("unknown", "inactive", "offline")


def test_a_unit_is_active_only_when_it_says_so() -> None:
    probes = MachineProbes((), ("nginx",))
    for said, state in {
        "unit nginx active\n": "active",
        "unit nginx activating\n": "activating",
        "": "unknown",
    }.items():
        assert read_probes(GuestAnswer(0, said), probes) == {"unit nginx": state}


def test_every_file_is_read_and_what_can_t_be_is_named(tmp_path: Path) -> None:
    """With a findmnt that knows one place only, and a cat that fails for one file."""
    place, tools = tmp_path / "place", tmp_path / "tools"
    (place / "a b").mkdir(parents=True)
    (place / "a b" / "one").write_bytes(b"x" * 1000)
    (place / "two").write_bytes(b"y" * 24)
    tools.mkdir()
    (tools / "findmnt").write_text(f"#!/bin/sh\necho {place}\n")
    (tools / "cat").write_text('#!/bin/sh\ncase "$*" in *broken*) exit 1 ;; esac\nexec /bin/cat "$@"\n')
    for script in tools.iterdir():
        script.chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    seen = read_full_read(shell(read_all_script(), path=path))
    assert (seen.files, seen.bytes, seen.unreadable, seen.examples) == (2, 1024, 0, ())
    (place / "broken").write_bytes(b"z")
    seen = read_full_read(shell(read_all_script(), path=path))
    assert (seen.files, seen.unreadable, seen.examples) == (2, 1, (f"{place}/broken",))


@pytest.mark.parametrize("output", ["", "read 1 2\n", "read 1 2 3\nread 1 2 3\n"])
def test_a_full_read_that_says_nothing_is_no_proof(output: str) -> None:
    with pytest.raises(CannotProbeError):
        read_full_read(GuestAnswer(0, output))


def test_a_script_that_failed_is_no_proof() -> None:
    with pytest.raises(CannotProbeError, match="ended with 1"):
        read_reached(GuestAnswer(1, ""))
