"""Power of guests that high availability manages: a call only says what is wanted, and the manager sees to it seconds later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from tests.support.proxmox.calls import Call
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.state import Config, Guest
from tests.support.proxmox.tasks import Task

# The name under which `Faults.slow` says how many seconds the manager takes.
DELAY = "ha"
_WANTED = {"start": "started", "stop": "stopped"}


def service_of(call: Call, guest: Guest) -> Config | None:
    """Return a guest's entry among the managed ones; one that is to be ignored is as good as none."""
    sid = f"{'vm' if guest.kind == 'qemu' else 'ct'}:{guest.vmid}"
    entry = call.state.section("ha-resources").get(sid)
    return None if entry is None or entry.get("state") == "ignored" else entry


def request(call: Call, guest: Guest, entry: Config, verb: str, act: Callable[[], None]) -> str:
    """Write down what is wanted, in a task that ends well at once; ``act`` comes later, whoever waits for it."""

    def later() -> None:
        if call.state.guests.get(guest.vmid) is guest and entry["state"] == _WANTED[verb]:
            with suppress(PveError):  # the manager would try again elsewhere; nobody is told
                act()

    async def work(task: Task) -> None:
        task.log(f"Requesting HA {verb} for {guest.label} {guest.vmid}")
        entry["state"] = _WANTED[verb]
        asyncio.get_running_loop().call_later(call.engine.faults.seconds(DELAY), later)

    return call.task(f"ha{verb}", guest.vmid, work)
