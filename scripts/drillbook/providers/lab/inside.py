"""A container from inside: what runs in it, and its files."""

from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError
from drillbook.model import GuestAnswer, Machine
from drillbook.providers.lab.podman import LOOK, Podman, said
from drillbook.providers.reading import read_small_file

_READY = ("running", "degraded")
_KILLED = (124, 137)
_PODMAN_FAILED = (125, 126, 127, 255)
_INSIDE = 'eval "$(cat)" </dev/null'
"""The script comes by standard input, so that it stands in no argument list, and can't be eaten by what it runs itself."""


class LabInside:
    """Implements `Inside`."""

    def __init__(self, podman: Podman, clock: Clock) -> None:
        self._podman = podman
        self._clock = clock

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Start it."""
        self._podman.call("start", machine.identifier, where=machine.host, timeout=timeout)

    def answers(self, machine: Machine) -> bool:
        """Whether systemd has started what it was to start; a unit that failed is for the probes to find."""
        done = self._podman.attempt("exec", machine.identifier, "systemctl", "is-system-running")
        return done.stdout.strip() in _READY

    def read(self, machine: Machine, path: str) -> str | None:
        """By head; a file that is there and can't be read is an error."""
        return read_small_file(self.run, machine, path, LOOK)

    def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
        """Run it by sh; what it started ends with it when the time is over."""
        began = self._clock.monotonic()
        seconds = f"{timeout.total_seconds():.3f}"
        done = self._podman.attempt(
            "exec", "--interactive", machine.identifier, "timeout", "--signal=KILL", seconds, "sh", "-c", _INSIDE,
            timeout=timeout + LOOK, stdin=script,
        )  # fmt: skip
        if done.returncode in _KILLED and self._clock.monotonic() - began >= timeout:
            raise InfrastructureError(
                f"a program was not done after {timeout.total_seconds():g} s and was killed",
                where=machine.host,
                remedy="See what it waits for in the restored machine.",
            )
        if done.returncode in _PODMAN_FAILED and done.stderr.startswith("Error: "):
            raise InfrastructureError(
                f"nothing can be run inside: {said(done)}", where=machine.host, remedy="See whether the container runs."
            )
        return GuestAnswer(done.returncode, done.stdout)
