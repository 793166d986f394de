"""A program that outlives us learns that we are gone."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from drillbook.process import outliving, run

WRITES_WHAT_IT_HEARS = (
    "import pathlib, sys\n"
    "first, second = sys.stdin.readline(), sys.stdin.readline()\n"
    "pathlib.Path(sys.argv[1]).write_text(first + repr(second))\n"
)


def heard(path: Path) -> str:
    for _ in range(100):
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.05)
    return "nothing"


def test_it_hears_what_it_is_told(tmp_path: Path) -> None:
    with outliving([sys.executable, "-c", WRITES_WHAT_IT_HEARS, str(tmp_path / "heard")], "first\n") as program:
        program.tell("done\n")
    assert heard(tmp_path / "heard") == "first\n'done\\n'"


def test_it_hears_the_end_when_we_are_killed(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with outliving([sys.executable, "-c", WRITES_WHAT_IT_HEARS, str(tmp_path / "heard")], "first\n"):
            time.sleep(60)
        os._exit(0)
    time.sleep(0.5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert heard(tmp_path / "heard") == "first\n''"


def test_to_tell_one_that_has_ended_does_nothing(tmp_path: Path) -> None:
    with outliving(["true"], "first\n") as program:
        time.sleep(0.2)
        program.tell("done\n")
    assert program.leave() is None  # type: ignore[func-returns-value]  # that it returns at all is the point


def test_output_and_status_are_returned() -> None:
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"], timeout=timedelta(seconds=5))
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_a_program_reads_what_it_is_given_and_else_the_end_of_file() -> None:
    assert run(("cat",), timeout=timedelta(seconds=5), stdin="all of it\n").stdout == "all of it\n"
    assert run(("cat",), timeout=timedelta(seconds=5)).stdout == ""


def test_an_interrupt_while_a_program_ends_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the signal and the kill the program may be gone: what is raised is the interrupt, not that nothing was there to kill."""

    def interrupted(child: subprocess.Popen[str], *_given: object, **_how: object) -> None:
        child.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(("true",), timeout=timedelta(seconds=5))
