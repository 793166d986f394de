"""What is done to a group of machines of any size: taken as a set of snapshots, backed up, or restored in a drill."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drillbook.clock import SystemClock
from drillbook.config import Inventory, configuration
from drillbook.machines.backups import refusals, take_all
from drillbook.machines.snapshots import GroupSnapshots, Limits
from drillbook.model import Heartbeat, MachineGroup
from drillbook.providers import open_backups, open_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable

    from drillbook.config import Configuration


def peak_mib() -> float:
    """The most memory that this process has had, in MiB; getrusage would count its parent's from before exec."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def snapshot(opened: Configuration, group: MachineGroup) -> dict[str, float]:
    """Plan a set, and take it. To take it asks again what the plan asked: that is one call for each more than `snapshot create` makes."""
    clock = SystemClock()
    provider = open_snapshots(opened.provider(group.provider), clock)
    limits = Limits(opened.machines_at_once, opened.machine_timeout)
    snapshots = GroupSnapshots(
        provider, clock, limits, guard=lambda _: nullcontext(), hook=nullcontext, tell=lambda _: None
    )
    began = time.monotonic()
    machines = provider.find(group.hosts)
    snapshots.refuse(group, machines)
    planned = time.monotonic()
    made = snapshots.create(group, machines)
    return {"plan": planned - began, "run": time.monotonic() - planned, "members": len(made.snapshots)}


def backup(opened: Configuration, group: MachineGroup) -> dict[str, float]:
    """Plan a run of backups, as `backup create --check` does, and take it."""
    clock = SystemClock()
    provider = open_backups(opened.provider(group.provider), clock)
    began = time.monotonic()
    refused = refusals(provider, group, provider.find(group.hosts), opened.machines_at_once)
    planned = time.monotonic()
    made = take_all(provider, clock, group, workers=opened.machines_at_once, tell=lambda _: None)
    good = [one for one in made if one.error is None]
    return {"plan": planned - began, "run": time.monotonic() - planned, "members": len(good) - len(refused)}


def drill(_opened: Configuration, _group: MachineGroup) -> dict[str, float]:
    """Restore all of them, look into each, and remove them; the plan is the proof that the drill's token can do no more than that."""
    from tests.contract.machine_drills.driver import Driver  # noqa: PLC0415 - beside the package

    now = datetime.now(UTC)
    raw = json.loads(Path(sys.argv[-1]).read_text(encoding="utf-8"))
    hosts = raw["shop"]["hosts"]
    driver = Driver(raw, tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in hosts))
    began = time.monotonic()
    record = driver.run().record
    if record["verdict"] != "PASS":
        sys.exit(f"the drill ended with {record['verdict']}: {record['error']}")
    total = float(record["total_seconds"])
    phases = {phase["name"]: float(phase["seconds"]) for phase in record["tracks"][0]["phases"]}
    return {
        "plan": time.monotonic() - began - total,
        "run": total,
        "members": sum(entry["state"] == "removed" for entry in record["cleanup"]),
        **{name: phases[name] for name in ("transfer", "start", "verify", "prove", "teardown")},
    }


ACTIONS: dict[str, Callable[[Configuration, MachineGroup], dict[str, float]]] = {
    "snapshot": snapshot,
    "backup": backup,
    "drill": drill,
}


def do(action: str, inventory: Path) -> dict[str, Any]:
    """Do it to the inventory's group `shop`, and say what that cost this process."""
    opened = configuration(Inventory.parse(json.loads(inventory.read_text(encoding="utf-8"))))
    return {**ACTIONS[action](opened, opened.machine_group("shop")), "peak_mib": peak_mib()}
