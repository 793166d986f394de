"""The parts that every call works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.proxmox.access.checks import Checks
from tests.support.proxmox.access.login import Login
from tests.support.proxmox.access.privileges import Privileges
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.faults import Faults
from tests.support.proxmox.state import Guest, State
from tests.support.proxmox.tasks import Tasks

if TYPE_CHECKING:
    from tests.support.proxmox.guests.bodies import Bodies


@dataclass(slots=True)
class Served:
    """One request as it was answered."""

    method: str
    path: str
    endpoint: str
    parameters: dict[str, Any]
    user: str
    status: int = 0
    reason: str = ""
    # What the schema refuses, by parameter; empty for a valid request.
    errors: dict[str, str] = field(default_factory=dict)
    vmid: int | None = None


class Engine:
    """A running cluster: its state, its tasks, its faults and the requests it has served."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.faults = Faults()
        self.tasks = Tasks(state, self.faults)
        self.login = Login(state)
        self.privileges = Privileges(state)
        self.checks = Checks(self.privileges, self._groups_of)
        self.served: list[Served] = []
        # What guests really are, where a test brings that; elsewhere they are records.
        self.bodies: Bodies | None = None

    @property
    def local(self) -> str:
        """The node that answers; the others are reached through it."""
        return next(iter(self.state.nodes))

    def guest(self, kind: str, node: str, vmid: int) -> Guest:
        """Return a guest, or refuse as Proxmox VE does where its file is missing on that node."""
        guest = self.state.guests.get(vmid)
        if guest is None or guest.kind != kind or guest.node != node:
            raise PveError(f"Configuration file '{config_path(kind, node, vmid)}' does not exist")
        return guest

    def body_of(self, guest: Guest) -> Bodies | None:
        """What has a body for this guest; None where it is a record."""
        return self.bodies if self.bodies is not None and self.bodies.has(guest) else None

    def _groups_of(self, userid: str) -> list[str]:
        user = self.state.users.get(userid)
        return user.groups if user else []


def config_path(kind: str, node: str, vmid: int) -> str:
    """Return where a guest's configuration lies below /etc/pve."""
    return f"nodes/{node}/{'qemu-server' if kind == 'qemu' else 'lxc'}/{vmid}.conf"
