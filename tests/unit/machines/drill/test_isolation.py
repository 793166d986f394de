"""What is made of a machine's cards, and of what it reached."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from threading import Barrier
from typing import TYPE_CHECKING, cast
from urllib.parse import quote_plus

import pytest

from drillbook.machines.drill.isolation import Isolation, card_checks
from drillbook.machines.drill.probe_scripts import Endpoint
from drillbook.model import CheckStatus, GuestAnswer, Machine, NetworkCard, Power

if TYPE_CHECKING:
    from datetime import timedelta

    from drillbook.model import Check
    from drillbook.providers import Inside

STOPPED = Machine("web", "qemu/9000", "pve1", Power.STOPPED)
ADDRESSES: dict[str, str | None] = {"web": "192.0.2.1", "db": "192.0.2.2", "other": "192.0.2.9"}


def statuses(checks: tuple[Check, ...]) -> list[str]:
    return [check.status.value for check in checks]


def test_cards_on_the_isolated_network_with_new_addresses() -> None:
    cards = [NetworkCard("net0", "drill", "AA"), NetworkCard("net1", "drill", "BB")]
    assert statuses(card_checks(STOPPED, cards, "drill", frozenset({"CC"}))) == ["passed"] * 3


def test_a_setting_that_leads_around_the_cards_is_red_and_none_is_said_where_there_are_none() -> None:
    cards = [NetworkCard("net0", "drill", "AA")]
    assert statuses(card_checks(STOPPED, cards, "drill", frozenset(), escapes=()))[3:] == ["passed"]
    red = card_checks(STOPPED, cards, "drill", frozenset(), escapes=("args: -netdev tap",))[3]
    assert (red.status.value, red.stage.stops_the_run, red.actual) == ("failed", True, "args: -netdev tap")
    assert len(card_checks(STOPPED, cards, "drill", frozenset())) == 3


@pytest.mark.parametrize(
    ("card", "power", "red"),
    [
        (NetworkCard("net1", "vmbr0", "BB"), Power.STOPPED, 0),
        (NetworkCard("net1", "none", "BB"), Power.STOPPED, 0),
        (NetworkCard("net1", "drill", "CC"), Power.STOPPED, 1),
        (NetworkCard("net1", "drill", "BB"), Power.RUNNING, 2),
    ],
)
def test_each_of_them_turns_red(card: NetworkCard, power: Power, red: int) -> None:
    machine = Machine("web", "qemu/9000", "pve1", power)
    checks = card_checks(machine, [NetworkCard("net0", "drill", "AA"), card], "drill", frozenset({"CC"}))
    assert [number for number, check in enumerate(checks) if check.status is CheckStatus.FAILED] == [red]
    assert checks[red].message


@dataclass
class Inside:
    """A provider whose machines say what the test wants, of what the script tries."""

    open: tuple[str, ...]
    drop: tuple[str, ...] = ()
    together: Barrier | None = None
    tried: dict[str, set[str]] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)

    def run(self, machine: Machine, script: str, _timeout: timedelta) -> GuestAnswer:
        if self.together is not None:
            self.together.wait()
        self.scripts.append(script)
        lines = [f"silent {name} name" for name in re.findall(r"getent hosts (\S+)", script)]
        for line in script.splitlines():
            words = line.split(" ")
            if words[0] == "try" and len(words) == 4:
                target = f"{words[1]}:{words[2]}"
                self.tried.setdefault(machine.host, set()).add(words[1])
                if target not in self.drop:
                    lines.append(f"{'open' if target in self.open else 'silent'} {words[1]} {words[2]}")
        return GuestAnswer(0, "\n".join(lines))


def prove(inside: Inside, *hosts: str, control: str = "", addresses: dict[str, str | None] | None = None) -> list[str]:
    isolation = Isolation(
        ADDRESSES if addresses is None else addresses,
        (5432,),
        (Endpoint("198.51.100.1", 443),),
        ("example.com",),
        control,
    )
    machines = [Machine(host, f"qemu/{host}", "pve1", Power.RUNNING) for host in hosts]
    return statuses(isolation.prove(cast("Inside", inside), machines, workers=2))


def test_members_are_each_others_control_and_not_forbidden() -> None:
    assert prove(Inside(("192.0.2.1:22", "192.0.2.2:5432")), "web", "db") == ["passed"] * 4


def test_of_a_large_group_a_few_are_each_ones_control_and_never_itself() -> None:
    addresses: dict[str, str | None] = {f"node{number}": f"192.0.2.{number}" for number in range(1, 31)}
    inside = Inside(())
    prove(inside, *addresses, addresses=addresses)
    for number in range(1, 31):
        tried = inside.tried[f"node{number}"] - {"198.51.100.1"}
        assert (len(tried), f"192.0.2.{number}" in tried) == (8, False)
    counted = Counter(address for tried in inside.tried.values() for address in tried)
    assert {counted[str(address)] for address in addresses.values()} == {8}, "none is asked more than another"


def test_machines_are_probed_side_by_side() -> None:
    inside = Inside(("192.0.2.1:22", "192.0.2.2:5432"), together=Barrier(2, timeout=10))
    assert prove(inside, "web", "db") == ["passed"] * 4


def with_new_addresses(inside: Inside, given: dict[str, tuple[str, ...]]) -> list[Check]:
    isolation = Isolation(ADDRESSES, (5432,), (), (), "")
    machines = [Machine(host, f"name/{host}", "zone", Power.RUNNING) for host in ("web", "db")]
    return list(isolation.prove(cast("Inside", inside), machines, given, workers=2))


NEW = {"web": ("10.9.1.1",), "db": ("10.9.1.2", "10.9.1.3")}


def test_with_new_addresses_those_are_the_controls_and_the_originals_are_forbidden() -> None:
    assert statuses(tuple(with_new_addresses(Inside(("10.9.1.1:22", "10.9.1.3:5432")), NEW))) == ["passed"] * 4
    for original in ("192.0.2.1:22", "192.0.2.2:5432"):
        checks = with_new_addresses(Inside((original, "10.9.1.1:22", "10.9.1.3:5432")), NEW)
        assert statuses(tuple(checks)) == ["failed", "passed"] * 2
        assert original in checks[0].actual
    originals_only = with_new_addresses(Inside(("192.0.2.1:22", "192.0.2.2:22")), NEW)
    assert statuses(tuple(originals_only)) == ["failed"] * 4, "the original is no control"


def test_a_new_address_that_another_machine_has_in_production_is_the_drills_own() -> None:
    """A drill's network may have the addresses of production."""
    given = {"web": ("192.0.2.9",), "db": ("10.9.1.2",)}
    assert statuses(tuple(with_new_addresses(Inside(("192.0.2.9:22", "10.9.1.2:22")), given))) == ["passed"] * 4


def test_a_machine_without_a_new_address_keeps_its_own() -> None:
    given: dict[str, tuple[str, ...]] = {"web": ("10.9.1.1",), "db": ()}
    assert statuses(tuple(with_new_addresses(Inside(("10.9.1.1:22", "192.0.2.2:22")), given))) == ["passed"] * 4


def test_one_machine_alone_needs_a_control() -> None:
    assert prove(Inside(()), "web") == ["passed", "skipped"]
    assert prove(Inside(("10.0.0.1:80",)), "web", control="10.0.0.1:80") == ["passed", "passed"]
    assert prove(Inside(()), "web", control="10.0.0.1:80") == ["passed", "failed"]


def test_where_nothing_answers_the_network_is_not_said_to_be_open() -> None:
    """The same network with an address of production that answers is."""
    machine = Machine("web", "qemu/9000", "pve1", Power.RUNNING)
    isolation = Isolation(ADDRESSES, (5432,), (), (), "10.0.0.1:80")
    silence, alive = isolation.prove(cast("Inside", Inside(("192.0.2.9:22",))), [machine], workers=1)
    assert silence.remedy.startswith("Close the drill's network")
    assert alive.status is CheckStatus.FAILED
    assert "an address of the machine's own subnet" in alive.remedy
    assert "Close" not in alive.remedy


def test_the_provider_s_own_address_is_tried_and_is_no_address_of_a_host() -> None:
    """A bridge without a port is still one of its node, which answers for all of its addresses."""
    machine = Machine("web", "qemu/9000", "pve1", Power.RUNNING)
    isolation = Isolation(ADDRESSES, (), (), (), "10.0.0.1:80", provider=("192.0.2.200", "192.0.2.1"))
    inside = Inside(("10.0.0.1:80", "192.0.2.200:8006"))
    silence, alive = isolation.prove(cast("Inside", inside), [machine], workers=1)
    assert (silence.status, silence.actual, alive.status) == (
        CheckStatus.FAILED,
        "192.0.2.200:8006",
        CheckStatus.PASSED,
    )
    assert "192.0.2.1" not in inside.tried["web"], "its own address it reaches always"
    alone = Isolation({"web": "192.0.2.1"}, (), (), (), "10.0.0.1:80", provider=("192.0.2.200",))
    silence, _alive = alone.prove(cast("Inside", Inside(("10.0.0.1:80",))), [machine], workers=1)
    assert (silence.status, "no other host" in silence.message) == (CheckStatus.SKIPPED, True)


def many(count: int) -> dict[str, str | None]:
    return {"web": "192.0.2.1"} | {f"node{number}": f"10.1.{number // 250}.{number % 250}" for number in range(count)}


def test_what_is_tried_from_a_large_inventory_goes_in_parts_that_a_provider_takes() -> None:
    """Proxmox VE reads 64 KiB of a call, and a guest has so many processes at once."""
    addresses, inside = many(500), Inside(("10.0.0.1:80",))
    assert prove(inside, "web", control="10.0.0.1:80", addresses=addresses) == ["passed", "passed"]
    assert inside.tried["web"] == {*map(str, addresses.values()), "198.51.100.1", "10.0.0.1"} - {"192.0.2.1"}
    assert len(inside.scripts) > 1
    assert max(len(quote_plus(script)) for script in inside.scripts) < 48 << 10
    assert max(script.count("\ntry ") for script in inside.scripts) <= 400
    assert ["getent" in script for script in inside.scripts] == [True] + [False] * (len(inside.scripts) - 1)


@pytest.mark.parametrize("reached", ["10.1.0.0:22", "10.1.1.249:8006", "198.51.100.1:443"])
def test_in_each_part_what_answers_is_red(reached: str) -> None:
    inside = Inside((reached, "10.0.0.1:80"))
    assert prove(inside, "web", control="10.0.0.1:80", addresses=many(500)) == ["failed", "passed"]


def test_a_part_that_is_not_tried_is_red() -> None:
    inside = Inside(("10.0.0.1:80",), drop=("10.1.1.249:8006",))
    assert prove(inside, "web", control="10.0.0.1:80", addresses=many(500)) == ["failed", "passed"]


@pytest.mark.parametrize("reached", ["192.0.2.9:22", "192.0.2.2:5432", "198.51.100.1:443"])
def test_anything_of_production_or_outside_is_red(reached: str) -> None:
    assert prove(Inside((reached, "10.0.0.1:80")), "web", control="10.0.0.1:80") == ["failed", "passed"]


def test_what_was_not_tried_is_red() -> None:
    assert prove(Inside(("10.0.0.1:80",), drop=("192.0.2.9:22",)), "web", control="10.0.0.1:80") == ["failed", "passed"]


def test_a_host_without_an_address_leaves_it_unproven_and_a_breach_is_red_all_the_same() -> None:
    addresses = {**ADDRESSES, "late": None}
    assert prove(Inside(("10.0.0.1:80",)), "web", control="10.0.0.1:80", addresses=addresses) == ["skipped", "passed"]
    reached = Inside(("10.0.0.1:80", "192.0.2.9:22"))
    assert prove(reached, "web", control="10.0.0.1:80", addresses=addresses) == ["failed", "passed"]
    assert prove(Inside(("10.0.0.1:80",)), "late", control="10.0.0.1:80", addresses=addresses) == ["passed", "passed"]


def test_an_echo_of_production_is_red_though_no_port_answers() -> None:
    """What host_baseline loads drops every port and lets an echo through."""

    class Echoing(Inside):
        def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
            said = super().run(machine, script, timeout).output
            return GuestAnswer(0, f"{said}\n{self.open[1]}" if "echo_of 192.0.2.9 &" in script else said)

    assert prove(Echoing(("10.0.0.1:80", "open 192.0.2.9 echo")), "web", control="10.0.0.1:80") == ["failed", "passed"]
    assert prove(Echoing(("10.0.0.1:80", "open ::/0 router")), "web", control="10.0.0.1:80") == ["failed", "passed"]
    assert prove(Echoing(("10.0.0.1:80", "open 10.0.0.1 echo")), "web", control="10.0.0.1:80") == ["passed", "passed"]


def test_addresses_of_both_families_are_tried() -> None:
    addresses: dict[str, str | None] = {"web": "2001:db8::1", "db": "2001:db8::2"}
    control = "[2001:db8::9]:80"
    assert prove(Inside(("2001:db8::9:80",)), "web", control=control, addresses=addresses) == ["passed", "passed"]
    reached = Inside(("2001:db8::9:80", "2001:db8::2:22"))
    assert prove(reached, "web", control=control, addresses=addresses) == ["failed", "passed"]
