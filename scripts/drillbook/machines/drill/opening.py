"""Makes the work of a drill or a restore of machines, and who removes what it made."""

from collections.abc import Callable
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.machines.drill.in_place import InPlaceWork
from drillbook.machines.drill.isolation import Isolation
from drillbook.machines.drill.probe_scripts import Endpoint
from drillbook.machines.drill.work import MachineWork
from drillbook.model import Claim, Mode
from drillbook.providers import DrillMachines, OwnInterface, Place, open_recoveries, open_removal, open_restores
from drillbook.run.stops import StoppableClock
from drillbook.run.work import Opening, Work


def open_work(opening: Opening) -> Work:
    """Return what does the plan's steps; raises ConfigurationError where the group is not declared as machines."""
    plan, track, group, place = opening.plan, opening.track, opening.group, opening.place
    if group is None or place is None:
        raise ConfigurationError(
            "the group is not declared as machines of a provider",
            where=f"group_vars of {track.service.group}, key drillbook_machines",
            remedy="Declare them there.",
        )
    clock = StoppableClock(opening.clock, opening.stops)
    if plan.mode is Mode.IN_PLACE:
        members = group.only(plan.only) if plan.only else group
        return InPlaceWork(open_recoveries(place, clock), members, plan, track, opening.clock, workers=opening.workers)
    restores = open_restores(place, clock)
    return MachineWork(
        restores,
        group,
        Isolation(
            addresses=opening.addresses,
            ports=tuple(sorted({port for probes in group.probes.values() for port in probes.ports})),
            outside=tuple(Endpoint.parse(text) for text in group.outside),
            names=group.outside_names,
            control=place.drill.control if place.drill else "",
            provider=restores.own_addresses() if isinstance(restores, OwnInterface) else (),
        ),
        opening.clock,
        workers=opening.workers,
    )


class ProviderMachines:
    """Implements `MachineRemover`: has the provider that a claim names remove what is claimed. A run's end must not stop this one.

    ``provider`` returns the place of a provider by its name; raises ConfigurationError.
    """

    def __init__(self, provider: Callable[[str], Place], clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._opened: dict[str, DrillMachines] = {}

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove it; raises DrillbookError. Each provider is opened once."""
        opened = self._opened.get(claim.provider)
        if opened is None:
            opened = open_removal(self._provider(claim.provider), self._clock)
            self._opened[claim.provider] = opened
        opened.destroy(claim, timeout)
