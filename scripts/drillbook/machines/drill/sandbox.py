"""The one step that a drill of roles does itself: it has the provider make the empty host that the playbooks configure."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import yaml

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.machines.drill.claims import Claimant, Claims
from drillbook.model import Check, Machine, SandboxHost, Step
from drillbook.providers import Sandboxes, open_sandboxes
from drillbook.run.stops import StoppableClock
from drillbook.run.work import RUN_INVENTORY, Opening, Run


class SandboxWork:
    """Implements `Work`. The playbooks find in the run's own inventory how the host is reached."""

    def __init__(self, provider: Sandboxes, sandbox: SandboxHost, clock: Clock) -> None:
        self._provider = provider
        self._sandbox = sandbox
        self._clock = clock

    def gate(self) -> tuple[Check, ...]:
        """None: that the host is cut off is proven from inside, before anything is restored into it."""
        return ()

    def carry_out(self, step: Step, run: Run) -> None:
        """Claim the host, make it, wait until it can be logged in to; raises DrillbookError."""
        machine = make_sandbox(self._provider, self._sandbox, self._clock, run, step.timeout)
        run.seen.fact("machines", [{"host": machine.host, "identifier": machine.identifier}])


def make_sandbox(provider: Sandboxes, sandbox: SandboxHost, clock: Clock, run: Claimant, timeout: timedelta) -> Machine:
    """Claim the host, make it, wait until it can be logged in to, and say in the run's inventory how; raises DrillbookError."""
    deadline = clock.monotonic() + timeout
    claimed = Claims(provider, run)
    claimed.take(sandbox.host)
    machine = claimed.made(sandbox.host, lambda claim: provider.make(claim, sandbox, deadline - clock.monotonic()))
    reached = provider.reach(machine, deadline - clock.monotonic())
    write_run_inventory(run.ledger.path.parent, sandbox.host, reached)
    return machine


def open_sandbox_work(opening: Opening) -> SandboxWork:
    """Return what makes the plan's sandbox host; raises ConfigurationError where nobody is declared to make it."""
    if opening.sandbox is None or opening.place is None:
        raise ConfigurationError(
            f"no provider is declared for the sandbox host {opening.track.target}",
            where="drillbook_sandboxes of the group all",
            remedy="Say there which provider makes it.",
        )
    clock = StoppableClock(opening.clock, opening.stops)
    return SandboxWork(open_sandboxes(opening.place, clock), opening.sandbox, clock)


def write_run_inventory(directory: Path, host: str, variables: Mapping[str, str]) -> Path:
    """Write down, in a run's directory, how its playbooks reach a host; return the file."""
    path = directory / RUN_INVENTORY
    path.write_text(yaml.safe_dump({"all": {"hosts": {host: dict(variables)}}}), encoding="utf-8")
    return path
