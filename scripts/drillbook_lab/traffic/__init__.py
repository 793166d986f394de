"""A writer that keeps, outside the database, the list of commits that were acknowledged to it.

What a client was told is committed is the only list that a claim of "nothing lost" can be held against.
"""

from drillbook_lab.traffic.acknowledged import AcknowledgedCommits, Outage, longest_outage
from drillbook_lab.traffic.writer import ConnectionSettings, count_lost, write_until_stopped

__all__ = [
    "AcknowledgedCommits",
    "ConnectionSettings",
    "Outage",
    "count_lost",
    "longest_outage",
    "write_until_stopped",
]
