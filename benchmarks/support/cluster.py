"""A cluster of the test server with a shop of any size: machines with a heartbeat, and where they are drilled a backup of each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.contract.machine_drills.world import (
    HEARTBEAT,
    SECRET,
    TOKEN,
    USER,
    DrillWorld,
    documented_grants,
    documented_roles,
    shell_rules,
)
from tests.support.proxmox import add_machine, empty_cluster
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.state import Pool, State, Storage, Token, User
from tests.support.proxmox.storage.archives import store_archive, take_archive

from drillbook.model import format_instant
from drillbook.providers.proxmox.notes import write_note

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.proxmox import ProxmoxServer

NODES = 20
AT_ONCE = 8
_FIRST, _FIRST_OF_DRILLS = 1000, 5000


def names(count: int) -> tuple[str, ...]:
    """Of the machines of a shop of this size."""
    return tuple(f"vm{number}" for number in range(_FIRST, _FIRST + count))


def addresses(hosts: Sequence[str]) -> dict[str, str]:
    """Where each is in production."""
    return {host: f"198.18.{number // 250}.{number % 250 + 1}" for number, host in enumerate(hosts)}


def shop(count: int, *, backed_up: bool) -> State:
    """On twenty nodes; drills are made on the last one, by a token with what the how-to gives it."""
    state = empty_cluster(NODES)
    state.pools = {"shop": Pool("shop"), "drill": Pool("drill")}
    state.storages["scratch"] = Storage("scratch", "rbd", "images", shared=True, options={"pool": "scratch"})
    reader = {**state.storages["backups"].options, "username": "reader@pbs"}
    state.storages["backups-reader"] = Storage("backups-reader", "pbs", "backup", shared=True, options=reader)
    state.roles |= documented_roles()
    state.users[USER] = User(tokens={TOKEN: Token(SECRET)})
    state.grants += documented_grants()
    state.users["root@pam"].tokens["bench"] = Token(SECRET, privsep=False)
    reached = tuple(f"{address}:22" for address in addresses(names(count)).values())
    for number, host in enumerate(names(count)):
        guest = add_machine(state, _FIRST + number, f"pve{number % NODES + 1}", "ceph", name=host)
        guest.status = "running"
        state.pools["shop"].vms.append(guest.vmid)
        if backed_up:
            _fill(state, host, guest.vmid, reached)
    return state


def inventory(server: ProxmoxServer, count: int, directory: Path) -> dict[str, Any]:
    """What says so to drillbook, with tokens beside it."""
    world = DrillWorld(server, directory)
    for name in ("snapshots", "backups"):
        token = {"id": "root@pam!bench", "secret": SECRET}
        (world.tokens / f"{name}.json").write_text(json.dumps(token), encoding="utf-8")
    hosts = names(count)
    made = world.inventory(order=[list(hosts)], probes={}, ready_seconds=60)
    made["_meta"]["hostvars"] = {host: {"ansible_host": address} for host, address in addresses(hosts).items()}
    made["others"]["hosts"] = []
    made["shop"]["hosts"] = list(hosts)
    made["shop"]["vars"]["drillbook_service"]["objectives"] = {"rto_seconds": 3600, "rpo_seconds": 7200}
    everywhere = made["all"]["vars"]
    everywhere |= {
        "drillbook_machines_at_once": AT_ONCE,
        "drillbook_machine_timeout_seconds": 600,
        "drillbook_step_timeout_seconds": 1800,
    }
    drill = everywhere["drillbook_providers"][0]["drill"]
    drill |= {"node": f"pve{NODES}", "first_vmid": _FIRST_OF_DRILLS, "last_vmid": _FIRST_OF_DRILLS + count}
    return made


def _fill(state: State, host: str, vmid: int, reached: tuple[str, ...]) -> None:
    engine, guest = Engine(state), state.guests[vmid]
    disk = next(volume for volume in state.volumes.values() if volume.vmid == vmid)
    beat = {"service": "shop", "host": host, "counter": 7, "written_at": format_instant(datetime.now(UTC))}
    disk.files[HEARTBEAT] = json.dumps(beat).encode()
    disk.files["/bin/sh"] = shell_rules(reached=reached).encode()
    stored = store_archive(engine, guest.node, state.storages["backups"], take_archive(engine, guest), "0")
    stored.notes = write_note(host, "shop", guest.config)
    stored.ctime -= 60
