"""What only the lab's containers can get wrong: staying paused, losing what they were made with, dying halfway back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.providers.lab import ROOT

from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, DrillbookError, RefusedError
from drillbook.model import Power, Quiesce
from drillbook.providers import open_backups, open_snapshots
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.snapshots import LabSnapshots

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.providers.lab import LabWorld

    from drillbook.model import Machine

pytestmark = pytest.mark.lab
LIMIT = timedelta(seconds=30)
HOLD = """
import sys, time
from datetime import timedelta
from pathlib import Path
from drillbook.clock import SystemClock
from drillbook.model import BackupMode, Machine, Power
from drillbook.providers.lab.place import LabDrillRange, LabPlace
from drillbook.providers import open_snapshots
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.copies import at_rest
from drillbook.machines.snapshots.guard import guarded

place = LabPlace(
    name="lab", kind="lab", prefix=sys.argv[1], containers_conf=Path(sys.argv[2]), drill=LabDrillRange(network="none")
)
machine = Machine("shop-db", sys.argv[3], "lab", Power.RUNNING)
limit = timedelta(seconds=20)
"""
OF_ONE = """
with at_rest(Podman(place), machine, BackupMode.SUSPEND):
    print("paused", flush=True)
    time.sleep(60)
"""
OF_A_GROUP = """
with guarded(place, [machine], limit):
    open_snapshots(place, SystemClock()).freeze(machine, limit)
    print("paused", flush=True)
    time.sleep(60)
"""


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


class Dying(Podman):
    """Is killed before its n-th call that changes something."""

    def __init__(self, place: Any, after: int) -> None:
        super().__init__(place)
        self._left = after

    def call(self, *arguments: str, **how: Any) -> str:
        if arguments[0] in ("create", "stop", "rename", "rm"):
            self._left -= 1
            if self._left < 0:
                raise Killed
        return super().call(*arguments, **how)


def test_a_group_at_rest_stays_so_until_it_is_thawed(lab_database: LabWorld) -> None:
    machine, world = lab_database.database(), lab_database
    assert world.snapshots.refusal(machine, ram=False, quiesce=Quiesce.AGENT) is None
    world.snapshots.freeze(machine, LIMIT)
    assert world.state(machine.identifier) == "paused"
    assert "paused already" in str(world.snapshots.refusal(world.database(), ram=False, quiesce=Quiesce.AGENT))
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert world.state(machine.identifier) == "paused"
    world.snapshots.thaw(machine, LIMIT)
    assert world.runs(machine)


def test_a_pause_is_undone_whether_the_copy_succeeds_or_not(lab_database: LabWorld) -> None:
    machine, world = lab_database.database(), lab_database
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    assert world.runs(machine)
    with pytest.raises(DrillbookError, match="commit failed"):
        world.snapshots.take(machine, "no tag", ram=False, note="", timeout=LIMIT)
    assert world.runs(machine)
    with pytest.raises(RefusedError, match="has a snapshot drillbook-one already"):
        world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)


@pytest.mark.parametrize("rest", [OF_ONE, OF_A_GROUP], ids=["of one", "of a group"])
def test_a_pause_is_undone_when_we_are_killed_in_it(lab_database: LabWorld, rest: str) -> None:
    machine, world = lab_database.database(), lab_database
    argv = [sys.executable, "-c", HOLD + rest, world.prefix, str(world.place.containers_conf), machine.identifier]
    holder = subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "paused\n"
        assert world.state(machine.identifier) == "paused"
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not world.runs(machine):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_no_image_holds_is_refused_by_name(lab_database: LabWorld, tmp_path: Path) -> None:
    world = lab_database
    assert "memory" in str(world.snapshots.refusal(world.database(), ram=True, quiesce=Quiesce.NONE))
    for host, option, why in (
        ("volume", f"--volume={world.prefix}-data:/srv", "volume at /srv"),
        ("shared", f"--volume={tmp_path}:/srv", "a directory of this machine"),
        ("memory", "--tmpfs=/srv", "its disk at /srv is memory"),
        ("passing", "--rm", "removed when it stops"),
    ):
        world.add(f"{world.prefix}-{host}", host, f"--network={world.production}", option)
        (machine,) = world.snapshots.find((host,))
        assert why in str(world.snapshots.refusal(machine, ram=False, quiesce=Quiesce.NONE))
        with pytest.raises(RefusedError, match="can't be copied"):
            world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
        world.podman("rm", "--force", "--ignore", "--time", "0", machine.identifier)
    world.podman("volume", "rm", f"{world.prefix}-data")


def test_the_machine_that_is_back_is_made_as_the_old_one_was(lab_database: LabWorld, tmp_path: Path) -> None:
    world, machine = lab_database, lab_database.database()
    key = tmp_path / "key"
    key.write_text("host key")
    world.podman("rm", "--force", "--time", "0", machine.identifier)
    world.add(
        machine.identifier, "shop-db", f"--network={world.production}:mac=02:db:ff:01:00:77,interface_name=production",
        f"--volume={key}:/etc/ssh/key:ro", "--add-host=shop-web1:10.0.0.7", "--memory=256m", "--label=mine=yes",
    )  # fmt: skip
    before = facts(world, machine)
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    world.snapshots.go_back(machine, "drillbook-one", LIMIT)
    assert world.database() == machine.__class__(machine.host, machine.identifier, machine.place, Power.STOPPED)
    world.snapshots.start(machine, LIMIT)
    assert facts(world, machine) == before
    assert world.names() == {machine.identifier}
    assert world.podman("exec", machine.identifier, "cat", "/etc/ssh/key") == "host key"


def test_what_was_killed_on_its_way_back_gets_there_when_asked_again(lab_database: LabWorld) -> None:
    """The calls that change something: remove a replacement, create one, remove what stands aside, stop, rename, rename, remove."""
    world, machine = lab_database, lab_database.database()
    world.write(machine, "good")
    world.snapshots.take(machine, "drillbook-one", ram=False, note="", timeout=LIMIT)
    for calls in range(7):
        world.write(machine, "bad")
        with pytest.raises(Killed):
            LabSnapshots(Dying(world.place, calls), SystemClock()).go_back(machine, "drillbook-one", LIMIT)
        assert world.database().identifier == machine.identifier
        world.snapshots.go_back(world.database(), "drillbook-one", LIMIT)
        world.snapshots.start(machine, LIMIT)
        assert (world.read(machine), world.runs(machine), world.names()) == ("good", True, {machine.identifier})


def test_a_snapshot_that_the_machine_stands_on_can_be_removed(lab_database: LabWorld) -> None:
    world, machine = lab_database, lab_database.database()
    for name in ("drillbook-one", "drillbook-two"):
        world.snapshots.take(machine, name, ram=False, note="", timeout=LIMIT)
    world.snapshots.go_back(machine, "drillbook-one", LIMIT)
    stood_on = world.inspect(machine.identifier)["Image"]
    world.snapshots.remove(machine, "drillbook-one", LIMIT)
    assert [snapshot.name for snapshot in world.snapshots.snapshots(machine)] == ["drillbook-two"]
    world.snapshots.go_back(machine, "drillbook-two", LIMIT)
    assert stood_on not in world.podman("images", "--all", "--quiet", "--no-trunc")


def test_a_containers_conf_that_is_not_there_is_said(lab_database: LabWorld, tmp_path: Path) -> None:
    place = lab_database.place.model_copy(update={"containers_conf": tmp_path / "none.conf"})
    for opened in (open_snapshots(place, SystemClock()), open_backups(place, SystemClock())):
        with pytest.raises(ConfigurationError, match=r"there is no .*none\.conf"):
            opened.find(("shop-db",))


def facts(world: LabWorld, machine: Machine) -> dict[str, Any]:
    """What a container was made with, and what that led to."""
    found = world.inspect(machine.identifier)
    networks = found["NetworkSettings"]["Networks"]
    return {
        "name": found["Name"],
        "networks": {name: entry["MacAddress"] for name, entry in networks.items()},
        "labels": {key: value for key, value in found["Config"]["Labels"].items() if key in ("mine", "drillbook.host")},
        "host": [found["HostConfig"][key] for key in ("CapAdd", "SecurityOpt", "Memory", "ShmSize", "ExtraHosts", "Binds")],
        "command": (found["Path"], found["Args"], found["Config"]["Hostname"]),
        "cards": world.podman("exec", machine.identifier, "ls", "/sys/class/net").split(),
    }  # fmt: skip
