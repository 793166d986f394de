"""The command line in this process, against a cluster that a test can break: what it says, and what it leaves."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.machine_drills.world import HOSTS, DrillWorld, shop
from tests.contract.providers.proxmox import (
    BACKUP_ROLES,
    BACKUP_USER,
    SECRET,
    TOKEN,
    USER,
    documented_backup_roles,
    documented_privileges,
)
from tests.support.proxmox.state import Grant, State, Token, User
from tests.support.secret_files import write_secret

from drillbook.cli.main import main
from drillbook.clock import SystemClock
from drillbook.config import Inventory
from drillbook.model import Heartbeat, PublishedHeartbeats
from drillbook.run.gate import Gate, outstanding_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.proxmox import ProxmoxServer

RUN = "drillbook-20310131T12000{}Z"
# What comes and goes with every call, whatever it does.
_COUNTED = ("tasks", "log", "counter")


@dataclass(frozen=True)
class Said:
    """What a command left on the terminal."""

    code: int
    text: str


def cluster() -> State:
    """The shop with its drill range, and the three tokens with what the how-tos give each."""
    state = shop()
    state.roles["DrillbookSnapshots"] = documented_privileges()
    state.roles |= documented_backup_roles()
    for user in (USER, BACKUP_USER):
        state.users[user] = User(tokens={TOKEN: Token(SECRET)})
    for path, user, role in (
        ("/pool/shop", USER, "DrillbookSnapshots"),
        ("/pool/shop", BACKUP_USER, BACKUP_ROLES[0]),
        ("/storage/backups", BACKUP_USER, BACKUP_ROLES[1]),
    ):
        state.grants += [
            Grant(path, kind, subject, role) for kind, subject in (("user", user), ("token", f"{user}!{TOKEN}"))
        ]
    return state


class Console(DrillWorld):
    """`drillbook`, with everything real but the object store: its heartbeats are given, and its credentials are not asked for."""

    def __init__(self, server: ProxmoxServer, state_directory: Path) -> None:
        super().__init__(server, state_directory)
        for name, user in (("snapshots", USER), ("backups", BACKUP_USER)):
            write_secret(self.tokens / f"{name}.json", {"id": f"{user}!{TOKEN}", "secret": SECRET})
        self.machines: dict[str, Any] = {
            "retention": {"last": 1},
            "lock_wait_seconds": 0.5,
            "backup": {"storage": "backups", "retention": {"last": 1}},
        }
        self._taken = 0

    def run(self, line: str) -> Said:
        """Carry out a command line; anything but an orderly end is a defect, and raised."""
        told = io.StringIO()
        now = datetime.now(UTC)
        published = tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in HOSTS)
        inventory = Inventory.parse(self.inventory(**self.machines))
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            patch.setattr(sys, "argv", ["drillbook", *line.split()])
            patch.setenv("DRILLBOOK_INVENTORY", "inventories/shop")
            patch.setattr("drillbook.app.read_inventory", lambda *_paths, **_root: inventory)
            patch.setattr("drillbook.app.App.published", lambda _app, _service: PublishedHeartbeats(published))
            patch.setattr("drillbook.app.App.gate", lambda app: Gate(app.runs, app.clock, lambda _mode: ()))
            for module in ("snapshots.take.NAME_FORMAT", "backups.take.RUN_FORMAT"):
                patch.setattr(f"drillbook.machines.{module}", RUN.format(self._taken))
            with pytest.raises(SystemExit) as ended:
                main()
        self.control.settle()
        return Said(int(ended.value.code or 0), told.getvalue())

    def take(self, what: str) -> None:
        """Take a set or a run that is good, a minute after the one before."""
        said = self.run(f"{what} create shop")
        assert said.code == 0, said.text
        self._taken += 1
        self.control.forward(60)

    def left(self) -> dict[str, Any]:
        """All that the cluster has now, and what the ledgers say is still there."""
        state = {name: value for name, value in self.control.state().items() if name not in _COUNTED}
        state["sections"] = {name: entries for name, entries in state["sections"].items() if entries}
        return {**state, "ledger": outstanding_of(self.state_directory / "runs", None, SystemClock())}
