"""Backups of groups of machines: taken side by side, looked at again, kept by rule."""

from drillbook.machines.backups.held import Held, TakenBackup, held, open_rules
from drillbook.machines.backups.prune import BackupDecision, decide_backups, prune_backups
from drillbook.machines.backups.take import Taken, refusals, take_all
from drillbook.machines.backups.verify import Finding, verify

__all__ = [
    "BackupDecision",
    "Finding",
    "Held",
    "Taken",
    "TakenBackup",
    "decide_backups",
    "held",
    "open_rules",
    "prune_backups",
    "refusals",
    "take_all",
    "verify",
]
