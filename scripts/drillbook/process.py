"""The only door to other programs: own session, dies with us, always a timeout."""

import ctypes
import os
import signal
import subprocess  # nosec B404 - this module is the one door to it
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drillbook.errors import InfrastructureError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: nothing may be imported between fork and exec
RUN_MARK = "DRILLBOOK_RUN_ID"


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program left: its exit status and its output as text."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Printed:
    """What a program left: its exit status, its output to the last byte, and its complaints as text."""

    returncode: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that can't be mistaken for a later one with the same number.

    ``start_ticks`` is field 22 of /proc/<pid>/stat (clock ticks since boot), ``boot_id`` the kernel's id of this boot.
    """

    pid: int
    start_ticks: int
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Identify a running process; raises ProcessLookupError when there is none."""
        ticks = _start_ticks(pid)
        if ticks is None:
            raise ProcessLookupError(pid)
        return cls(pid=pid, start_ticks=ticks, boot_id=_boot_id())

    def alive(self) -> bool:
        """Tell whether this very process still runs (a zombie does not)."""
        return self.boot_id == _boot_id() and _start_ticks(self.pid) == self.start_ticks


def die_with_parent() -> None:
    """Make the kernel kill this process when the thread that started it ends; survives exec."""
    if _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def run(
    argv: Sequence[str],
    *,
    timeout: timedelta,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    stdin: str | None = None,
) -> Completed:
    """Run a program to its end and return its output as text; the exit status is the caller's to judge.

    ``stdin`` is what it reads; left out, it reads the end of file at once. Raises InfrastructureError when it can't be
    started or is not done within ``timeout`` (then its whole session is killed).
    """
    done = run_to_bytes(
        argv,
        timeout=timeout,
        environment=environment,
        directory=directory,
        stdin=None if stdin is None else stdin.encode(),
    )
    return Completed(done.returncode, _text(done.stdout), done.stderr)


def run_to_bytes(
    argv: Sequence[str],
    *,
    timeout: timedelta,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    stdin: bytes | None = None,
) -> Printed:
    """Run a program as ``run`` does, for what need not be text."""
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if environment is None else {**os.environ, **environment},
            cwd=directory,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - calls only prctl, through a handle made before the fork
        )
    except OSError as error:
        raise _unstartable(argv[0], error) from error
    with child:
        try:
            stdout, stderr = child.communicate(stdin, timeout=timeout.total_seconds())
        except BaseException as error:
            with suppress(ProcessLookupError):  # it may have ended at this very moment
                os.killpg(child.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise InfrastructureError(
                f"{argv[0]} was not done after {timeout.total_seconds():.0f} s and was killed",
                where=argv[0],
                remedy="See why it hangs, then run again.",
            ) from error
    return Printed(child.returncode, stdout, _text(stderr))


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace").replace("\r\n", "\n")


class Outliving:
    """A program that goes on when we are gone, and learns of it by the end of its standard input."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def tell(self, line: str) -> None:
        """Write a line to its standard input; nothing happens where it has ended."""
        if self._child.stdin is not None:
            with suppress(BrokenPipeError):
                self._child.stdin.write(line)

    def leave(self) -> None:
        """End its input and wait until it has done what it does then."""
        if self._child.stdin is not None:
            with suppress(BrokenPipeError):
                self._child.stdin.close()
        self._child.wait()


@contextmanager
def outliving(argv: Sequence[str], first_line: str) -> Iterator[Outliving]:
    """Run a program beside us for the length of the block; it reads ``first_line``, and the end of file when we leave or die.

    Raises InfrastructureError when it can't be started.
    """
    try:
        child = subprocess.Popen(list(argv), stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
    except OSError as error:
        raise _unstartable(argv[0], error) from error
    started = Outliving(child)
    try:
        started.tell(first_line)
        yield started
    finally:
        started.leave()


def _unstartable(program: str, error: OSError) -> InfrastructureError:
    return InfrastructureError(
        f"{program} can't be started: {error.strerror}",
        where=program,
        remedy="Install it where the PATH finds it; in a clone scripts/bootstrap does.",
    )


def marked_processes(run_id: str) -> tuple[ProcessIdentity, ...]:
    """Return every process that carries ``run_id`` in its environment: descendants, whatever their session."""
    mark = f"{RUN_MARK}={run_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            if mark in environment.split(b"\0"):
                found.append(ProcessIdentity.of(int(entry.name)))
        except (OSError, ProcessLookupError):
            continue  # gone meanwhile, or another user's
    return tuple(found)


def kill_marked(run_id: str) -> int:
    """Kill all that a run started and that still runs, also Ansible's workers and ssh's masters; return how many."""
    return sum(kill(identity) for identity in marked_processes(run_id))


def kill(identity: ProcessIdentity) -> bool:
    """Kill this very process; False when it no longer runs."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if not identity.alive():  # looked at after the handle was opened: the number can't change hands any more
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _start_ticks(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    return None if fields[0] in ("Z", "X") else int(fields[19])
