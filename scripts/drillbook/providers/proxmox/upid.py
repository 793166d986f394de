"""The name of a task of Proxmox VE, which says what it is: ``UPID:node:pid:ticks:start:kind:guest:user:``.

proxmoxer's `Tasks.decode_upid` reads it, too, and leaves the token out of the user: whose task it is would not be told.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Upid:
    """A task's name, read.

    ``node`` is where it runs: only that one answers for it. ``started_at`` is when, by the node's clock: seconds since 1970, and ticks
    since its boot for those of one second. ``kind`` is what it does (qmsnapshot, vzdump, qmigrate), ``guest`` the number of the guest that
    it is about ("" where it is about several), ``user`` who started it: a user, or a token with its ``!``.
    """

    node: str
    started_at: tuple[int, int]
    kind: str
    guest: str
    user: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it."""
        _mark, node, _process, ticks, seconds, kind, guest, user, *_ = text.split(":")
        return cls(node, (int(seconds, 16), int(ticks, 16)), kind, guest, user)
