"""A drill of whole machines: from their backups into their provider's drill range, looked at from inside, removed again."""

from drillbook.machines.drill.opening import ProviderMachines, open_work
from drillbook.machines.drill.sandbox import make_sandbox, open_sandbox_work, write_run_inventory

__all__ = ["ProviderMachines", "make_sandbox", "open_sandbox_work", "open_work", "write_run_inventory"]
