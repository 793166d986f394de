"""A call as its handler sees it, and the list of handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.proxmox.access.identity import ROOT, Identity
from tests.support.proxmox.engine import Engine, config_path
from tests.support.proxmox.state import Guest, State
from tests.support.proxmox.tasks import Work


@dataclass(slots=True)
class Reply:
    """Data with the fields that stand beside it, such as `total`."""

    data: Any
    extra: dict[str, Any]


@dataclass(slots=True)
class Call:
    """One call with valid parameters from somebody who may make it."""

    engine: Engine
    who: Identity = ROOT
    given: dict[str, Any] = field(default_factory=dict)
    # Guests are served by the same handlers under /qemu/ and /lxc/.
    kind: str = "qemu"

    @property
    def state(self) -> State:
        """The cluster."""
        return self.engine.state

    @property
    def node(self) -> str:
        """The node in the path."""
        return str(self.given["node"])

    @property
    def vmid(self) -> int:
        """The guest's number in the path."""
        return int(self.given["vmid"])

    @property
    def guest(self) -> Guest:
        """The guest in the path."""
        return self.engine.guest(self.kind, self.node, self.vmid)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter."""
        return self.given.get(name, default)

    def need(self, path: str, *privileges: str, any_of: bool = False) -> None:
        """Refuse the call where the caller lacks the privileges."""
        self.engine.checks.need(self.who, path, *privileges, any_of=any_of)

    def may(self, path: str, *privileges: str, any_of: bool = False) -> bool:
        """Say whether the caller has the privileges."""
        return self.engine.privileges.allows(self.who, path, privileges, any_of=any_of)

    def write(self, path: str) -> None:
        """Refuse a write below /etc/pve without quorum."""
        self.engine.faults.write(path)

    def write_guest(self) -> None:
        """Refuse a write of the guest's configuration without quorum."""
        self.write(config_path(self.kind, self.node, self.vmid))

    def write_guest_of(self, guest: Guest) -> None:
        """Refuse a write of a guest's configuration that the path does not name."""
        self.write(config_path(guest.kind, guest.node, guest.vmid))

    def task(self, kind: str, subject: str | int, work: Work) -> str:
        """Start a task on the call's node."""
        return self.engine.tasks.start(self.given.get("node", self.engine.local), kind, subject, self.who, work)


Handler = Callable[[Call], Any]
HANDLERS: dict[tuple[str, str], tuple[Handler, str]] = {}


def handles(method: str, path: str) -> Callable[[Handler], Handler]:
    """Register a handler; `{guest}` in the path stands for both `qemu` and `lxc`."""

    def register(handler: Handler) -> Handler:
        for kind in ("qemu", "lxc") if "{guest}" in path else ("",):
            concrete = path.replace("{guest}", kind)
            own = kind or ("lxc" if "/lxc" in path else "qemu")
            HANDLERS[(method, concrete)] = (handler, own)
        return handler

    return register
