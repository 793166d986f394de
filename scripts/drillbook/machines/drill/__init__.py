"""A drill of whole machines: from their backups into their provider's drill range, looked at from inside, removed again."""

from drillbook.machines.drill.opening import ProviderGuests, open_work

__all__ = ["ProviderGuests", "open_work"]
