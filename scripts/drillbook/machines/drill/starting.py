"""Starts machines in the order of their group."""

from collections.abc import Sequence
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.concurrently import concurrently, raise_failures
from drillbook.errors import InfrastructureError
from drillbook.model import Machine, MachineGroup
from drillbook.providers import Inside
from drillbook.providers.waiting import wait_until
from drillbook.run.observation import FACT_FIRST_ANSWER
from drillbook.run.work import Run

ANSWER_POLL = timedelta(seconds=1)
_REMEDY = "Read the message of each."


def start_in_order(
    provider: Inside, group: MachineGroup, machines: Sequence[Machine], run: Run, clock: Clock, workers: int
) -> None:
    """Start them stage by stage; the next one when each machine of the one before answers. Raises InfrastructureError."""
    by_host = {machine.host: machine for machine in machines}

    def wait(machine: Machine) -> None:
        def answers() -> bool:
            if provider.answers(machine):
                return True
            run.stops.raise_if_due(f"waiting for {machine.host}")
            return False

        late = InfrastructureError(
            f"it did not answer within {group.ready_timeout.total_seconds():.0f} s of its start",
            where=f"{machine.host} ({machine.identifier})",
            remedy="Look at its console: does it boot, does its guest agent run?",
        )
        deadline = clock.monotonic() + group.ready_timeout
        wait_until(clock, answers, deadline=deadline, every=ANSWER_POLL, late=late)
        run.seen.fact(FACT_FIRST_ANSWER, machine.host)

    for stage in group.stages:
        of_stage = [by_host[host] for host in stage]
        started = concurrently(of_stage, lambda one: provider.start(one, group.ready_timeout), workers)
        raise_failures(started, what="starting", group=group.name, remedy=_REMEDY)
        answered = concurrently(of_stage, wait, workers)
        raise_failures(answered, what="waiting for an answer", group=group.name, remedy=_REMEDY)
