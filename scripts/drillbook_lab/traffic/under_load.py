"""Load on the lab's service, and what an event under load does to it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from drillbook_lab.traffic import AcknowledgedCommits, count_lost, longest_outage, write_until_stopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drillbook_lab.lab import Lab

WARM_UP_SECONDS = 3


class BackgroundWriter:
    """The load: writes in a thread until told to stop, through failures and restores."""

    def __init__(self, lab: Lab, acknowledged: AcknowledgedCommits) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=write_until_stopped,
            args=(lab.service(), acknowledged, self._stop.is_set),
            daemon=True,
        )

    def __enter__(self) -> Self:
        """Start writing."""
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        """Stop writing; a connection attempt under way ends within its own timeout."""
        self._stop.set()
        self._thread.join(timeout=30)


@dataclass(frozen=True, slots=True)
class Effect:
    """What clients noticed of an event: the longest time without an acknowledged write, and commits told and lost.

    Writes that did not come back before the end are an outage up to the end.
    """

    outage_seconds: float
    acknowledged: int
    lost: int


def under_load(lab: Lab, path: Path, event: Callable[[], object], wait_seconds: float) -> Effect:
    """Write for a moment, let the event happen, write on for ``wait_seconds``; the acknowledged commits are kept in ``path``.

    Raises psycopg.Error when the service cannot be read afterwards.
    """
    acknowledged = AcknowledgedCommits(path)
    with BackgroundWriter(lab, acknowledged):
        time.sleep(WARM_UP_SECONDS)
        event()
        time.sleep(wait_seconds)
        ended_at = time.monotonic()
    told, lost = count_lost(lab.service(), acknowledged)
    return Effect(longest_outage(acknowledged.read(), ended_at).length.total_seconds(), told, lost)
