"""Where machines come from: one module per vendor behind the same Protocols."""

from drillbook.providers.finding import find_each
from drillbook.providers.place import Place
from drillbook.providers.protocols import Backups, Inside, Machines, Recoveries, Restores, Snapshots
from drillbook.providers.registry import open_backups, open_recoveries, open_restores, open_snapshots

__all__ = [
    "Backups",
    "Inside",
    "Machines",
    "Place",
    "Recoveries",
    "Restores",
    "Snapshots",
    "find_each",
    "open_backups",
    "open_recoveries",
    "open_restores",
    "open_snapshots",
]
