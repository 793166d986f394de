"""What is broken on purpose; tests set it through the control door, never through the API."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.support.proxmox.errors import HangUpError, PveError

# What a proxying node answers when the other one does not (AnyEvent::HTTP's own pseudo status).
UNREACHABLE = (596, "Connection timed out")


@dataclass(slots=True)
class Answer:
    """An answer given instead of the real one, to the next `count` calls that fit."""

    method: str = ".*"
    path: str = ".*"
    count: int = 1
    status: int = 0
    reason: str = ""
    # accepted: the call takes effect first, then the connection is cut.
    accepted: bool = False

    def fits(self, method: str, path: str) -> bool:
        """Say whether this is for the call, and use it up if so."""
        if self.count > 0 and re.fullmatch(self.method, method) and re.search(self.path, path):
            self.count -= 1
            return True
        return False


@dataclass(slots=True)
class Faults:
    """All that can be broken."""

    offline: set[str] = field(default_factory=set)
    quorum_lost: bool = False
    silent_agents: set[int] = field(default_factory=set)
    # Guests whose agent answers a thaw and thaws nothing.
    stays_frozen: set[int] = field(default_factory=set)
    # Guests of which no report has come (their node is away for minutes, or they are new), and what older reports say of others.
    unreported: set[int] = field(default_factory=set)
    reported: dict[str, str] = field(default_factory=dict)
    full_storages: set[str] = field(default_factory=set)
    # Storages that no node can reach: their server is away.
    inactive_storages: set[str] = field(default_factory=set)
    # Seconds that a task of this kind takes; "*" stands for every kind.
    slow: dict[str, float] = field(default_factory=dict)
    # How many of the next tasks of a kind are interrupted, end with warnings, or end with this text.
    abort: dict[str, int] = field(default_factory=dict)
    warn: dict[str, int] = field(default_factory=dict)
    fail: dict[str, list[str]] = field(default_factory=dict)
    # Whether GET /pools shows members to auditors of the pool only, as GET /pools/{poolid} does; pve-manager 9.0.11 does not.
    pools_audited: bool = False
    # How many of the next tasks of a kind find no worker: what the call wrote before it wanted one stays.
    no_worker: dict[str, int] = field(default_factory=dict)
    nextid_taken: int = 0
    answers: list[Answer] = field(default_factory=list)

    def seconds(self, kind: str) -> float:
        """Return how long a task of this kind takes."""
        return self.slow.get(kind, self.slow.get("*", 0.0))

    def strikes(self, planned: dict[str, int], kind: str) -> bool:
        """Say whether a planned fault is due for a task of this kind, and use it up if so."""
        for name in (kind, "*"):
            if planned.get(name, 0) > 0:
                planned[name] -= 1
                return True
        return False

    def before(self, method: str, path: str) -> None:
        """Answer instead of the API, where that was asked for."""
        for answer in self.answers:
            if not answer.accepted and answer.fits(method, path):
                if answer.status == 0:
                    raise HangUpError
                raise PveError(answer.reason, answer.status, bare=True)

    def after(self, method: str, path: str) -> None:
        """Cut the connection of a call that took effect, where that was asked for."""
        for answer in self.answers:
            if answer.accepted and answer.fits(method, path):
                raise HangUpError

    def reach(self, node: str) -> None:
        """Refuse a call that has to pass on to a node that is away."""
        if node in self.offline:
            raise PveError(UNREACHABLE[1], UNREACHABLE[0], bare=True)

    def write(self, path: str) -> None:
        """Refuse a write below /etc/pve while the cluster has no quorum."""
        if self.quorum_lost:
            raise PveError(f"unable to open file '/etc/pve/{path}.tmp.{4242}' - Permission denied")
