"""Where machines come from: one module per vendor behind the same Protocols."""

from drillbook.providers.protocols import Machines, Snapshots
from drillbook.providers.registry import open_snapshots

__all__ = ["Machines", "Snapshots", "open_snapshots"]
