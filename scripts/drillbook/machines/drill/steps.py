"""What a drill of machines and their restore in place have in common: five steps, a selection, the machines that were made."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

from drillbook.clock import Clock
from drillbook.concurrently import Result, concurrently, raise_failures
from drillbook.errors import InfrastructureError
from drillbook.machines.drill.acceptance import Acceptance
from drillbook.machines.drill.selection import Selection
from drillbook.machines.drill.starting import start_in_order
from drillbook.model import Backup, Check, Machine, MachineGroup, Step
from drillbook.providers import Inside
from drillbook.run.observation import FACT_POINT, FACT_PREDICTED
from drillbook.run.work import Run


class MachineSteps(ABC):
    """Implements `Work`: select, restore, start, verify, prove. One instance serves one run; ``workers`` machines are worked on at once."""

    def __init__(self, inside: Inside, group: MachineGroup, clock: Clock, *, workers: int) -> None:
        self._inside = inside
        self._group = group
        self._clock = clock
        self._workers = workers
        self._chosen: Selection | None = None
        self._machines: tuple[Machine, ...] = ()
        self._steps: Mapping[str, Callable[[Step, Run], None]] = {
            "select": self._select,
            "restore": self._restore,
            "start": self._start,
            "verify": self._verify,
            "prove": self._prove,
        }

    @abstractmethod
    def gate(self) -> tuple[Check, ...]:
        """See `Work.gate`."""

    def carry_out(self, step: Step, run: Run) -> None:
        """Do one step by its name; raises DrillbookError."""
        self._steps[step.name](step, run)

    @abstractmethod
    def _select(self, step: Step, run: Run) -> None: ...

    @abstractmethod
    def _restore(self, step: Step, run: Run) -> None: ...

    def _start(self, _step: Step, run: Run) -> None:
        start_in_order(self._inside, self._group, self._machines, run, self._clock, self._workers)

    def _verify(self, step: Step, run: Run) -> None:
        self._acceptance(run, step).verify(self._machines)

    def _prove(self, step: Step, run: Run) -> None:
        self._acceptance(run, step).prove(self._machines)

    def _take(self, chosen: Selection, run: Run) -> None:
        """Keep what was chosen, and say it."""
        self._chosen = chosen
        run.seen.fact(FACT_POINT, chosen.as_json())
        run.seen.fact(FACT_PREDICTED, {"bytes": chosen.size, "disk_bytes": None})

    def _selection(self) -> Selection:
        if self._chosen is None:
            raise InfrastructureError(
                "no backup was chosen", where=f"group {self._group.name}", remedy="Report this defect."
            )
        return self._chosen

    def _restored(self, backups: Sequence[Backup], restore: Callable[[Backup], Machine], run: Run, remedy: str) -> None:
        """Restore all of these side by side, and say which machines there are now; raises DrillbookError when one failed."""
        made: Sequence[Result[Backup, Machine]] = concurrently(backups, restore, self._workers)
        raise_failures(made, what="restoring", group=self._group.name, remedy=remedy)
        now = [*self._machines, *(one.value for one in made if one.value is not None)]
        self._machines = tuple(sorted(now, key=lambda machine: self._group.hosts.index(machine.host)))
        run.seen.fact(
            "machines", [{"host": machine.host, "identifier": machine.identifier} for machine in self._machines]
        )

    def _acceptance(self, run: Run, step: Step) -> Acceptance:
        return Acceptance(self._inside, self._group, run, self._clock, workers=self._workers, timeout=step.timeout)
