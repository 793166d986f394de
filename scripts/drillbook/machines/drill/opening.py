"""Makes the work of a drill or a restore of machines, and who removes what it made, from the configuration."""

from datetime import timedelta

from drillbook.clock import Clock
from drillbook.config import Configuration
from drillbook.machines.drill.in_place import InPlaceWork
from drillbook.machines.drill.isolation import Isolation
from drillbook.machines.drill.probe_scripts import Endpoint
from drillbook.machines.drill.work import MachineWork
from drillbook.model import MACHINES, Claim, Mode
from drillbook.providers import Sandboxes, open_recoveries, open_restores
from drillbook.run.plan import Plan
from drillbook.run.stops import StoppableClock, Stops
from drillbook.run.work import Work


def open_work(configuration: Configuration, clock: Clock, plan: Plan, stops: Stops) -> Work | None:
    """Return what does the plan's steps that are no playbooks; None where it has none. Raises ConfigurationError."""
    if plan.service.kind != MACHINES:
        return None
    group = configuration.machine_group(plan.service.group)
    place = configuration.provider(group.provider)
    if plan.mode is Mode.IN_PLACE:
        provider = open_recoveries(place, StoppableClock(clock, stops))
        return InPlaceWork(provider, group, plan, clock, workers=configuration.machines_at_once)
    return MachineWork(
        open_restores(place, StoppableClock(clock, stops)),
        group,
        Isolation(
            addresses=configuration.addresses,
            ports=tuple(sorted({port for probes in group.probes.values() for port in probes.ports})),
            outside=tuple(Endpoint.parse(text) for text in group.outside),
            names=group.outside_names,
            control=place.drill.control if place.drill else "",
        ),
        clock,
        workers=configuration.machines_at_once,
    )


class ProviderGuests:
    """Implements `Guests`: has the provider that a claim names remove what is claimed. A run's end must not stop this one."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._opened: dict[str, Sandboxes] = {}

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove it; raises DrillbookError. Each provider is opened once."""
        opened = self._opened.get(claim.provider)
        if opened is None:
            opened = open_restores(self._configuration.provider(claim.provider), self._clock)
            self._opened[claim.provider] = opened
        opened.destroy(claim, timeout)
