"""Whether the restored machines are cut off: by what their provider says of their cards, and by what they reach from inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drillbook.concurrently import concurrently
from drillbook.errors import DrillbookError
from drillbook.machines.drill.probe_scripts import (
    PROBE_LIMIT,
    CannotProbeError,
    Endpoint,
    Reached,
    reach_scripts,
    read_reached,
    unite,
    ways_out,
)
from drillbook.model import Check, CheckStatus, Machine, NetworkCard, Power, Stage
from drillbook.providers import Inside

PORTS = (22, 80, 443, 2379, 3306, 5000, 5432, 6379, 6432, 7480, 8006, 8008)
"""Tried on each address of production beside the ports that are declared for its machines; the role isolation tries the same."""
_PEERS = 8
"""So many others of a group are each machine's control; were it all of them, what is tried would grow with the group's square."""
_REMEDY = "Close the drill's network: nothing may be routed from it, and nothing of production may be in it."
_DEAD = (
    "Name an address of the machine's own subnet that answers in the drill's network (drillbook_providers.drill.control), and see that "
    "it does: a copy that keeps its address has no gateway there."
)


@dataclass(frozen=True, slots=True)
class Isolation:
    """What is tried from inside.

    ``addresses`` are those of all hosts of the inventory but sandboxes, by name (None where it does not say one), ``ports`` what the group's
    machines listen on, ``outside`` and ``names`` what must not be reached or resolved. ``control`` ("address:port", or "") answers
    inside the drill's network: without it the machines of the drill are each other's control. ``provider`` are the addresses of the
    provider itself, which are production's as well, and none that the inventory need know.
    """

    addresses: Mapping[str, str | None]
    ports: tuple[int, ...]
    outside: tuple[Endpoint, ...]
    names: tuple[str, ...]
    control: str
    provider: tuple[str, ...] = ()

    def prove(
        self,
        provider: Inside,
        machines: Sequence[Machine],
        given: Mapping[str, Sequence[str]] | None = None,
        *,
        workers: int,
    ) -> tuple[Check, ...]:
        """Two checks for each machine, ``workers`` of them probed at once: nothing forbidden answers, and something that must answer does.

        ``given`` are the addresses by host that the provider gave the restored machines. One without has its address of production
        still; where one has a new address, its own of production is as forbidden as all others'.
        """
        moved = {host: tuple(addresses) for host, addresses in (given or {}).items() if addresses}
        own = {
            machine.host: set(moved.get(machine.host) or filter(None, [self.addresses.get(machine.host)]))
            for machine in machines
        }
        restored = set().union(*own.values())
        others = {host: address for host, address in self.addresses.items() if host not in own or host in moved}
        unknown = tuple(sorted(host for host, address in others.items() if address is None))
        production = self._endpoints({address for address in others.values() if address} - restored)
        forbidden = [*production, *self._endpoints(set(self.provider) - restored - {one.address for one in production})]
        probed = concurrently(
            machines,
            lambda machine: self._of(
                provider,
                machine,
                [*forbidden, *self.outside],
                self._controls(restored, own[machine.host]),
                _untried(production, unknown),
            ),
            workers,
        )
        for outcome in probed:
            if outcome.error is not None:
                raise outcome.error
        return tuple(check for outcome in probed for check in outcome.value or ())

    def _endpoints(self, addresses: set[str]) -> list[Endpoint]:
        return [Endpoint(address, port) for address in sorted(addresses) for port in sorted({*PORTS, *self.ports})]

    def _controls(self, restored: set[str], own: set[str]) -> list[Endpoint]:
        """In the drill's network the restored machines answer to each other; the next few are asked."""
        place = min(own, default="")
        others = sorted(restored - own)
        around = [*(one for one in others if one > place), *(one for one in others if one < place)]
        found = [Endpoint(address, port) for address in around[:_PEERS] for port in sorted({22, *self.ports})]
        if self.control:
            found.append(Endpoint.parse(self.control))
        return found

    def _of(
        self,
        provider: Inside,
        machine: Machine,
        forbidden: Sequence[Endpoint],
        controls: Sequence[Endpoint],
        unproven: str,
    ) -> tuple[Check, ...]:
        scripts = reach_scripts([*forbidden, *controls], self.names)
        try:
            seen = unite([read_reached(provider.run(machine, script, PROBE_LIMIT)) for script in scripts])
        except (CannotProbeError, DrillbookError) as error:
            return (_check(f"{machine.host}: egress probed from inside", CheckStatus.FAILED, message=str(error)),)
        return (
            _silence(
                machine, seen, {str(entry) for entry in forbidden} | set(self.names), ways_out(forbidden), unproven
            ),
            _control(machine, seen, {str(entry) for entry in controls}),
        )


def card_checks(
    machine: Machine,
    cards: Sequence[NetworkCard],
    isolated: str,
    forbidden_macs: frozenset[str],
    *,
    live: bool = False,
    escapes: Sequence[str] | None = None,
) -> tuple[Check, ...]:
    """What the provider reports of a machine before it is started; where restores are live, just after.

    ``escapes`` are settings that act on its host or lead out beside its cards; None where the provider has no such settings.
    """
    elsewhere = [f"{card.name} on {card.network}" for card in cards if card.network != isolated]
    same = [f"{card.name} {card.mac}" for card in cards if card.mac in forbidden_macs]
    started = machine.power is not Power.STOPPED and not live
    return (
        _check(
            f"{machine.host}: cards on the isolated network",
            CheckStatus.FAILED if elsewhere else CheckStatus.PASSED,
            expected=f"all {len(cards)} on {isolated}",
            actual=", ".join(elsewhere) or f"all {len(cards)}",
            message="a card is where production is" if elsewhere else "",
        ),
        _check(
            f"{machine.host}: new hardware addresses",
            CheckStatus.FAILED if same else CheckStatus.PASSED,
            expected="none of the original machine's",
            actual=", ".join(same) or "none",
            message="the restored machine has the original's hardware address" if same else "",
        ),
        _check(
            f"{machine.host}: not started before it was looked at",
            CheckStatus.FAILED if started else CheckStatus.PASSED,
            expected="stopped, or running by a live restore" if live else "stopped",
            actual=machine.power.value,
            message="it was running before its cards were read back" if started else "",
        ),
        *(() if escapes is None else (_escape_check(machine, escapes),)),
    )


def _escape_check(machine: Machine, found: Sequence[str]) -> Check:
    message = "its backup brought settings with it that act on the host or lead around the isolated network"
    remedy = "Take them out of the machine's configuration before its next backup, or leave the machine out of drills."
    return Check(
        f"{machine.host}: nothing but its cards leads out",
        Stage.ISOLATION,
        CheckStatus.FAILED if found else CheckStatus.PASSED,
        expected="no setting that acts on the host or leads around the isolated network",
        actual=", ".join(found) or "none",
        message=message if found else "",
        remedy=remedy if found else "",
    )


def _untried(production: Sequence[Endpoint], unknown: Sequence[str]) -> str:
    """Why silence would prove nothing: hosts whose address nobody said, or no other host at all. "" where it does."""
    if unknown:
        return f"the inventory says no address of {', '.join(unknown)}, so {'they were' if unknown[1:] else 'it was'} not tried"
    return "" if production else "the inventory has no other host, so no address of production was tried"


def _silence(machine: Machine, seen: Reached, forbidden: set[str], ways: frozenset[str], unproven: str) -> Check:
    """Silence that proves nothing stays unproven, while an answer is one in any case. ``ways`` are tried where the machine can."""
    name = f"{machine.host}: nothing of production answers"
    expected = f"silence from {len(forbidden)} endpoints and names"
    untried = forbidden - seen.tried
    answered = sorted(seen.answered & (forbidden | ways))
    if unproven and not answered and not untried:
        return Check(
            name,
            Stage.ISOLATION,
            CheckStatus.SKIPPED,
            expected=expected,
            message=unproven,
            remedy="Have all hosts of production in the inventory, each with its ansible_host as a literal address.",
        )
    if untried:
        return _check(name, CheckStatus.FAILED, expected=expected, message=f"{len(untried)} were not tried")
    return _check(
        name,
        CheckStatus.FAILED if answered else CheckStatus.PASSED,
        expected=expected,
        actual=", ".join(answered) or "silence",
        message=f"{answered[0]} answers" if answered else "",
    )


def _control(machine: Machine, seen: Reached, controls: set[str]) -> Check:
    """A dead network is silent too; so something in it must answer."""
    name = f"{machine.host}: its network is alive"
    if not controls:
        return Check(
            name,
            Stage.ISOLATION,
            CheckStatus.SKIPPED,
            message="nothing is there that could answer: a dead network would look the same",
            remedy="Name an address in the drill's network that answers (drillbook_providers.drill.control).",
        )
    answered = sorted(seen.answered & controls)
    return _check(
        name,
        CheckStatus.PASSED if answered else CheckStatus.FAILED,
        expected=f"one of {', '.join(sorted(controls))} answers",
        actual=", ".join(answered) or "silence",
        message="" if answered else "with a dead network the silence of production proves nothing",
        remedy=_DEAD,
    )


def _check(
    name: str, status: CheckStatus, *, expected: str = "", actual: str = "", message: str = "", remedy: str = _REMEDY
) -> Check:
    """``remedy`` is for where it failed."""
    return Check(
        name, Stage.ISOLATION, status, expected, actual, message, remedy if status is CheckStatus.FAILED else ""
    )
