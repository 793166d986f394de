"""What is looked at inside the restored machines: units, ports, heartbeats (verify), and every byte (prove)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.concurrently import concurrently
from drillbook.errors import DrillbookError, MalformedDataError
from drillbook.machines.drill.probe_scripts import (
    PROBE_LIMIT,
    CannotProbeError,
    probe_script,
    read_all_script,
    read_full_read,
    read_probes,
)
from drillbook.model import (
    HEARTBEAT_LIMIT,
    Check,
    CheckStatus,
    Heartbeat,
    Machine,
    MachineGroup,
    MachineProbes,
    Mode,
    Stage,
    format_instant,
)
from drillbook.providers import Inside
from drillbook.run.observation import FACT_NEWEST
from drillbook.run.work import Run
from drillbook.untrusted import read_object, short_text

PROBE_POLL = timedelta(seconds=2)
_GOOD = frozenset({"active", "open"})


class Acceptance:
    """Looks at all machines of a drill, several at once, and reports in their order."""

    def __init__(
        self,
        provider: Inside,
        group: MachineGroup,
        run: Run,
        clock: Clock,
        *,
        workers: int,
        timeout: timedelta,
    ) -> None:
        self._provider = provider
        self._group = group
        self._run = run
        self._clock = clock
        self._workers = workers
        self._timeout = timeout

    def verify(self, machines: Sequence[Machine]) -> None:
        """Units and ports, waited for; then the heartbeat of each, of which the oldest tells what was lost."""
        for probed in concurrently(machines, self._probe, self._workers):
            for check in probed.value or (_unreadable(probed.machine, Stage.VERIFY, probed.error),):
                self._run.seen.check(check)
        beats: list[Heartbeat | None] = []
        for read in concurrently(machines, self._heartbeat, self._workers):
            if read.value is None:
                self._run.seen.check(_unreadable(read.machine, Stage.VERIFY, read.error))
                continue
            check, beat = read.value
            self._run.seen.check(check)
            beats.append(beat)
        whole = [beat for beat in beats if beat is not None]
        if len(whole) == len(machines):
            oldest = min(whole, key=lambda beat: beat.written_at)
            self._run.seen.fact(
                FACT_NEWEST,
                {"host": oldest.host, "counter": oldest.counter, "written_at": format_instant(oldest.written_at)},
            )

    def prove(self, machines: Sequence[Machine]) -> None:
        """Every file of every local file system is read, inside; what can't be read is named."""
        for outcome in concurrently(machines, self._read_all, self._workers):
            self._run.seen.check(outcome.value or _unreadable(outcome.machine, Stage.PROVE, outcome.error))

    def _probe(self, machine: Machine) -> tuple[Check, ...]:
        probes = self._group.probes.get(machine.host, MachineProbes())
        if not probes.ports and not probes.units:
            return (_passed(f"{machine.host}: answers", "programs run inside", "they do"),)
        deadline = self._clock.monotonic() + self._group.ready_timeout
        while True:
            self._run.stops.raise_if_due(f"probing {machine.host}")
            try:
                found = read_probes(self._provider.run(machine, probe_script(probes), PROBE_LIMIT), probes)
            except CannotProbeError as error:
                return (_failed(f"{machine.host}: probes", Stage.VERIFY, str(error)),)
            if set(found.values()) <= _GOOD or self._clock.monotonic() >= deadline:
                return tuple(_probed(machine, what, state) for what, state in found.items())
            self._clock.sleep(PROBE_POLL)

    def _heartbeat(self, machine: Machine) -> tuple[Check, Heartbeat | None]:
        name = f"{machine.host}: heartbeat found"
        path, service = self._group.heartbeat_file, self._run.track.service.name
        text = self._provider.read(machine, path)
        if text is None:
            message = f"{path} is not there: what was lost can't be told"
            return _failed(name, Stage.VERIFY, message, "Apply the role backup_agent to it (kind machines)."), None
        try:
            data = read_object(text, where=path, limit=HEARTBEAT_LIMIT)
            beat = Heartbeat.from_fact(data, where=path)
            owner = (short_text(data, "service", where=path), beat.host)
        except MalformedDataError as error:
            return _failed(name, Stage.VERIFY, f"{path} holds no heartbeat: {error.message}"), None
        if owner != (service, machine.host):
            message = f"{path} is of {owner[1]} in the service {owner[0]}: this is another machine's disk"
            return _failed(name, Stage.VERIFY, message), None
        if self._run.plan.mode is Mode.IN_PLACE and beat.written_at > self._run.declared_at:
            return self._of_backup(name, path, data)
        return self._found(name, beat)

    def _of_backup(self, name: str, path: str, data: Mapping[str, Any]) -> tuple[Check, Heartbeat | None]:
        """A machine in its own place goes on; then its heartbeats name the one that it found when it started."""
        earlier = data.get("before_start")
        try:
            beat = Heartbeat.from_fact({**(earlier if isinstance(earlier, Mapping) else {}), "host": data["host"]})
        except MalformedDataError:
            message = f"{path} is newer than the restore, and does not say which heartbeat it found"
            return _failed(name, Stage.VERIFY, message, "Apply the role backup_agent to it."), None
        if beat.written_at > self._run.declared_at:
            message = f"{path}: it was started twice since the disaster, so what was lost can't be told any more"
            return _failed(name, Stage.VERIFY, message, "See why it was started again."), None
        return self._found(name, beat)

    def _found(self, name: str, beat: Heartbeat) -> tuple[Check, Heartbeat]:
        actual = f"{beat.counter} of {format_instant(beat.written_at)}"
        return _passed(name, f"one of {beat.host} in {self._run.track.service.name}", actual), beat

    def _read_all(self, machine: Machine) -> Check:
        name = f"{machine.host}: every file read"
        try:
            seen = read_full_read(self._provider.run(machine, read_all_script(), self._timeout))
        except CannotProbeError as error:
            return _failed(name, Stage.PROVE, str(error))
        if seen.unreadable or not seen.files:
            message = f"{seen.unreadable} files can't be read, {seen.files} can: {', '.join(seen.examples)}"
            return _failed(name, Stage.PROVE, message.rstrip(": "))
        actual = f"{seen.files} files, {seen.bytes} bytes"
        return Check(name, Stage.PROVE, CheckStatus.PASSED, expected="no error", actual=actual)


def _probed(machine: Machine, what: str, state: str) -> Check:
    name = f"{machine.host}: {what}"
    expected = "active" if what.startswith("unit") else "open"
    if state in _GOOD:
        return _passed(name, expected, state)
    remedy = "Look into its journal inside the restored machine (run the drill with --keep)."
    return Check(name, Stage.VERIFY, CheckStatus.FAILED, expected, state, f"{what} is {state}", remedy)


def _passed(name: str, expected: str, actual: str) -> Check:
    return Check(name, Stage.VERIFY, CheckStatus.PASSED, expected=expected, actual=actual)


def _failed(name: str, stage: Stage, message: str, remedy: str = "Run the drill with --keep and look inside.") -> Check:
    return Check(name, stage, CheckStatus.FAILED, message=message, remedy=remedy)


def _unreadable(machine: Machine, stage: Stage, error: DrillbookError | None) -> Check:
    said = error.message if error else "it said nothing"
    remedy = error.remedy if error else "Report this defect."
    return _failed(f"{machine.host}: looked at from inside", stage, said, remedy)
