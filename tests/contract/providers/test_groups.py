"""The whole way: the command line, a group, and a cluster behind it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.providers.proxmox import HOSTS, ProxmoxWorld

from drillbook.machines.snapshots.sets import note

if TYPE_CHECKING:
    from drillbook.model import Machine

ROOT = Path(__file__).resolve().parents[3]
LIMIT = timedelta(seconds=20)
HOLD_FROZEN = """
import sys, time
from datetime import timedelta
from pathlib import Path
from drillbook.app import App
from drillbook.providers import open_snapshots
from drillbook.machines.snapshots.guard import guarded

opened = App([Path(sys.argv[1])])
group = opened.configuration.machine_group("shop")
place = opened.configuration.provider(group.provider)
snapshots = open_snapshots(place, opened.clock)
machines = snapshots.find(group.hosts)
with guarded(place, machines, timedelta(seconds=20)):
    for machine in machines:
        snapshots.freeze(machine, timedelta(seconds=10))
    print("frozen", flush=True)
    time.sleep(60)
"""


class Shop:
    """The command line over an inventory whose group `shop` is the three machines."""

    verb = "snapshot"

    def __init__(self, world: ProxmoxWorld, directory: Path, **machines: Any) -> None:
        self.world = world
        self.inventory = directory / "inventory"
        (self.inventory / "group_vars").mkdir(parents=True)
        place = world.place
        everywhere = {
            "drillbook_state_directory": str(directory / "state"),
            "drillbook_object_store": {
                "endpoint": "https://store.example.org", "evidence_bucket": "e",
                "heartbeat_bucket": "h", "credentials_directory": str(directory),
            },
            "drillbook_evidence": {
                "directory": str(directory / "log"), "signing_key_file": str(directory / "key.pem"), "anchored": False,
            },
            "drillbook_providers": [
                {
                    "name": place.name, "kind": "proxmox", "host": place.host, "port": place.port,
                    "ca_file": str(place.ca_file), "tokens_directory": str(place.tokens_directory),
                }
            ],
        }  # fmt: skip
        order = [["shop-db"], ["shop-web1", "shop-web2"]]
        own = {"drillbook_machines": {"provider": place.name, "order": order, **machines}}
        hosts = {"shop": {"hosts": dict.fromkeys(HOSTS)}}
        for name, content in {"hosts.yml": hosts, "group_vars/all.yml": everywhere, "group_vars/shop.yml": own}.items():
            (self.inventory / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Return exit status, the JSON document and what was said on standard error."""
        done = subprocess.run(
            [sys.executable, "-m", "drillbook", self.verb, *arguments, "--inventory", str(self.inventory), "--json"],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout), done.stderr

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}

    def machines(self) -> tuple[Machine, ...]:
        return self.world.snapshots.find(HOSTS)

    def frozen(self) -> list[str]:
        return [guest.config["name"] for guest in self.world.server.state.guests.values() if guest.frozen]  # type: ignore[misc]  # a name is text


@pytest.fixture
def shop(proxmox: ProxmoxWorld, tmp_path: Path) -> Shop:
    return Shop(proxmox, tmp_path, quiesce="agent", retention={"last": 1})


def test_a_group_is_taken_listed_verified_and_put_back(shop: Shop) -> None:
    for machine in shop.machines():
        shop.world.write(machine, "good")
    code, made, said = shop.run("create", "shop")
    assert (code, made["state"], made["members"], made["quiesced"]) == (0, "whole", list(HOSTS), True), said
    assert "3 machines are at rest" in said
    assert shop.frozen() == []
    for machine in shop.machines():
        shop.world.write(machine, "bad")
    assert shop.run("list", "shop")[1] == [made]
    assert shop.run("verify", "shop")[:2] == (0, {"usable": True, "why": "", "set": made})
    code, _, said = shop.run("restore", "shop")
    assert (code, "what came later is lost" in said) == (2, True)
    assert shop.run("restore", "shop", "--check")[0] == 0
    assert {shop.world.read(machine) for machine in shop.machines()} == {"bad"}
    code, _, said = shop.run("restore", "shop", "--confirm", "shop")
    assert code == 0, said
    assert {shop.world.read(machine) for machine in shop.machines()} == {"good"}
    assert all(shop.world.runs(machine) for machine in shop.machines())


def take_frozen(shop: Shop) -> str:
    """Leave what an older drillbook took with `quiesce: agent` and `ram: true`: memory of guests that are frozen."""
    world, text = shop.world, note("shop", members=len(HOSTS), quiesced=True)
    for act in (
        lambda one: world.snapshots.freeze(one, LIMIT),
        lambda one: world.snapshots.take(one, "drillbook-20260101T000000Z", ram=True, note=text, timeout=LIMIT),
        lambda one: world.snapshots.thaw(one, LIMIT),
    ):
        for machine in shop.machines():
            act(machine)
    return "drillbook-20260101T000000Z"


def test_memory_that_was_saved_while_frozen_goes_on_when_it_is_back(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = Shop(proxmox, tmp_path, ram=True)
    name = take_frozen(shop)
    code, _, said = shop.run("restore", "shop", "--confirm", "shop", "--set", name)
    assert (code, shop.frozen()) == (0, []), said


def test_an_agent_that_is_silent_then_is_told_and_keeps_nobody_back(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = Shop(proxmox, tmp_path, ram=True)
    name = take_frozen(shop)
    proxmox.control.faults(silent_agents=[101])
    code, _, said = shop.run("restore", "shop", "--confirm", "shop", "--set", name)
    assert (code, shop.frozen()) == (0, ["shop-web1"]), said
    assert "shop-web1 may still be frozen" in said
    assert "guest agent is not running" in said
    assert "shop-db may" not in said


def test_pruning_shows_first_and_then_keeps_what_the_rules_say(shop: Shop) -> None:
    first = shop.run("create", "shop")[1]["name"]
    time.sleep(1.1)  # names are of whole seconds
    second = shop.run("create", "shop")[1]["name"]
    foreign = shop.machines()[0]
    shop.world.snapshots.take(foreign, "by-hand", ram=False, note="mine", timeout=LIMIT)
    would = shop.run("prune", "shop", "--check")[1]
    assert [(entry["name"], entry["kept"]) for entry in would] == [(first, False), (second, True)]
    assert len(shop.run("list", "shop")[1]) == 2
    assert shop.run("prune", "shop")[0] == 0
    assert [entry["name"] for entry in shop.run("list", "shop")[1]] == [second]
    assert {found.name for found in shop.world.snapshots.snapshots(foreign)} == {second, "by-hand"}


def test_a_torn_set_is_red_and_nothing_goes_back_to_it(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    torn = Shop(proxmox, tmp_path, window_seconds=0.5)
    proxmox.control.faults(slow={"qmsnapshot": 2.0})
    code, made, _ = torn.run("create", "shop")
    assert (code, made["state"]) == (1, "torn")
    code, answer, _ = torn.run("verify", "shop", "--set", made["name"])
    assert (code, answer["usable"], "the set is torn" in answer["why"]) == (1, False, True)
    code, answer, _ = torn.run("verify", "shop")
    assert (code, "there is no whole set" in answer["why"], answer["set"]) == (1, True, None)
    code, answer, _ = torn.run("restore", "shop", "--set", made["name"], "--confirm", "shop")
    assert (code, "the set is torn" in answer["error"]["message"]) == (2, True)


def test_a_member_that_fails_takes_the_set_with_it(shop: Shop) -> None:
    shop.world.control.faults(fail={"qmsnapshot": ["lvcreate: no free space"]})
    code, answer, _ = shop.run("create", "shop")
    assert (code, "no free space" in answer["error"]["message"]) == (3, True)
    shop.world.control.repair()
    assert shop.run("list", "shop")[1] == []
    assert shop.frozen() == []


def test_nothing_is_touched_where_a_member_can_not_be_snapshotted(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = Shop(proxmox, tmp_path, quiesce="agent", lock_wait_seconds=0)
    shop.world.control.guest(101, lock="migrate")
    code, answer, _ = shop.run("create", "shop")
    assert (code, "shop-web1: it is locked (migrate)" in answer["error"]["message"]) == (2, True)
    assert shop.world.control.served("POST") == []
    assert shop.run("create", "shop", "--check")[0] == 2


def test_a_controller_that_is_killed_leaves_nobody_frozen(shop: Shop) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_FROZEN, str(shop.inventory)],
        cwd=ROOT, env=shop.environment, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "frozen\n"
        assert len(shop.frozen()) == len(HOSTS)
        os.kill(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while shop.frozen():
        assert time.monotonic() < deadline, f"still frozen: {shop.frozen()}"
        time.sleep(0.1)


def test_calls_for_each_machine_are_few(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    """Whether it can be taken, take it, and read it back; beside that one for each task, one for each node, and one for all."""
    plain = Shop(proxmox, tmp_path)
    proxmox.control.forget_served()
    assert plain.run("create", "shop")[0] == 0
    assert [proxmox.control.calls_of(vmid) for vmid in (100, 101, 102)] == [3, 3, 3]
    looks = proxmox.control.served("GET", "/tasks/UPID")
    assert len(proxmox.control.served()) - len(looks) == 3 * 3 + 3 + 1
    assert len(looks) < 3 * 3


def test_calls_for_each_machine_at_rest_are_few(shop: Shop) -> None:
    """Freeze, see that it is frozen, thaw, and see that it is not."""
    shop.world.control.forget_served()
    assert shop.run("create", "shop")[0] == 0
    assert [shop.world.control.calls_of(vmid) for vmid in (100, 101, 102)] == [7, 7, 7]


def test_a_machine_that_was_started_a_moment_ago_is_frozen_too(shop: Shop) -> None:
    """The cluster's list says what each node last reported, seconds ago."""
    shop.world.control.guest(102, status="stopped")
    shop.world.control.faults(reported={"101": "stopped"})
    shop.world.control.forget_served()
    code, made, said = shop.run("create", "shop")
    assert (code, made["quiesced"]) == (0, True), said
    assert "2 machines are at rest" in said
    frozen = shop.world.control.served("POST", "/fsfreeze-freeze")
    assert sorted(one["vmid"] for one in frozen) == [100, 101]
    calls = [shop.world.control.calls_of(vmid) for vmid in (100, 101, 102)]
    assert calls == [7, 8, 4], "one look each at who was not seen running"


def test_its_memory_is_kept_too(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    proxmox.control.faults(reported={"101": "stopped"})
    code, made, said = Shop(proxmox, tmp_path, ram=True).run("create", "shop")
    assert (code, made["ram"]) == (0, True), said


def test_two_at_once_on_a_group_exclude_each_other(shop: Shop) -> None:
    shop.world.control.faults(slow={"qmsnapshot": 5.0})
    command = [sys.executable, "-m", "drillbook", "snapshot", "create", "shop", "--inventory", str(shop.inventory)]
    with subprocess.Popen(command, cwd=ROOT, env=shop.environment, stdout=subprocess.DEVNULL) as first:
        while not shop.world.control.served("POST", "/snapshot"):
            assert first.poll() is None
            time.sleep(0.05)
        # However long the second takes to start, the first is in the middle of it.
        first.send_signal(signal.SIGSTOP)
        try:
            code, answer, _ = shop.run("prune", "shop")
        finally:
            first.send_signal(signal.SIGCONT)
        assert (code, "another run holds" in answer["error"]["message"]) == (2, True)
    assert first.returncode == 0
