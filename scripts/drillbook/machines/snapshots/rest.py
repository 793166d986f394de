"""File systems at rest, where a provider can bring them there."""

from datetime import timedelta

from drillbook.errors import UnreachedError
from drillbook.model import Machine
from drillbook.providers import Freezing, Snapshots


def freeze_machine(provider: Snapshots, machine: Machine, timeout: timedelta) -> None:
    """Bring a machine's file systems to rest; raises UnreachedError where nothing was frozen. Whatever else happens, `thaw` it."""
    if not isinstance(provider, Freezing):
        raise UnreachedError(
            "its provider can't bring file systems to rest", where=machine.host, remedy="Set another `quiesce`."
        )
    provider.freeze(machine, timeout)


def thaw_machine(provider: Snapshots, machine: Machine, timeout: timedelta) -> None:
    """Let a machine's file systems go on; nothing happens where its provider freezes none, or they are not frozen."""
    if isinstance(provider, Freezing):
        provider.thaw(machine, timeout)
