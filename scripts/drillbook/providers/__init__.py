"""Where machines come from: one module per vendor behind the same Protocols."""

from drillbook.providers.drill_protocols import (
    DrillMachines,
    HostSettings,
    Inside,
    LimitedCredential,
    LiveRestores,
    Recoveries,
    Restores,
    Sandboxes,
)
from drillbook.providers.finding import find_each
from drillbook.providers.place import Place
from drillbook.providers.protocols import (
    Backups,
    Freezing,
    LateSnapshots,
    LockExplaining,
    Machines,
    PartialBackups,
    Pools,
    PowerReading,
    Snapshots,
)
from drillbook.providers.registry import (
    has_machines,
    lacking_for_sandboxes,
    logs_in_first,
    open_backups,
    open_recoveries,
    open_removal,
    open_restores,
    open_sandboxes,
    open_snapshots,
    read_from,
)

__all__ = [
    "Backups",
    "DrillMachines",
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
    "Pools",
    "PowerReading",
    "Recoveries",
    "Restores",
    "Sandboxes",
    "Snapshots",
    "find_each",
    "has_machines",
    "lacking_for_sandboxes",
    "logs_in_first",
    "open_backups",
    "open_recoveries",
    "open_removal",
    "open_restores",
    "open_sandboxes",
    "open_snapshots",
    "read_from",
]
