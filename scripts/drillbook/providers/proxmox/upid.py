"""The name of a task of Proxmox VE, which says what it is: ``UPID:node:pid:ticks:start:kind:guest:user:``.

proxmoxer's `Tasks.decode_upid` reads it, too, and leaves the token out of the user: whose task it is would not be told.
"""

import re
from dataclasses import dataclass
from typing import Self

from drillbook.errors import MalformedDataError

UPID = r"UPID:([^:\s]+):[0-9A-Fa-f]{1,16}:([0-9A-Fa-f]{1,16}):([0-9A-Fa-f]{1,16}):([^:\s]+):([^:\s]*):([^:\s]+):[^:\s]*"
"""As PVE::Tools::upid_decode reads it, and never longer."""
_SHOWN = 100


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
        """Read it; raises MalformedDataError for what is none."""
        found = re.fullmatch(UPID, text)
        if found is None:
            raise MalformedDataError(
                f"that is no task's name: {text[:_SHOWN]!r}",
                where="what a call of Proxmox VE started",
                remedy="See what answers there, and whether its version is a supported one: `pveversion`.",
            )
        node, ticks, seconds, kind, guest, user = found.groups()
        return cls(node, (int(seconds, 16), int(ticks, 16)), kind, guest, user)
