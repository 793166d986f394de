"""A drill of whole machines: from their backups into their provider's drill range, looked at from inside, removed again."""

from drillbook.machines.drill.opening import ProviderMachines, open_work
from drillbook.machines.drill.sandbox import open_sandbox_work

__all__ = ["ProviderMachines", "open_sandbox_work", "open_work"]
