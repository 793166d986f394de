"""Where machines come from: one module per vendor behind the same Protocols."""

from drillbook.providers.finding import find_each
from drillbook.providers.place import Place
from drillbook.providers.protocols import (
    Backups,
    Freezing,
    HostSettings,
    Inside,
    LateSnapshots,
    LimitedCredential,
    LiveRestores,
    LockExplaining,
    Machines,
    PartialBackups,
    PowerReading,
    Recoveries,
    Restores,
    Sandboxes,
    Snapshots,
)
from drillbook.providers.registry import open_backups, open_recoveries, open_restores, open_snapshots

__all__ = [
    "Backups",
    "Freezing",
    "HostSettings",
    "Inside",
    "LateSnapshots",
    "LimitedCredential",
    "LiveRestores",
    "LockExplaining",
    "Machines",
    "PartialBackups",
    "Place",
    "PowerReading",
    "Recoveries",
    "Restores",
    "Sandboxes",
    "Snapshots",
    "find_each",
    "open_backups",
    "open_recoveries",
    "open_restores",
    "open_snapshots",
]
