"""Object stores, as the drill uses them: which user may do what, and the published heartbeats."""

from drillbook.stores.permissions import Permissions

__all__ = ["Permissions"]
