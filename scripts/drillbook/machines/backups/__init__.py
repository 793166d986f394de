"""Backups of groups of machines: taken side by side, looked at again, kept by rule."""

from drillbook.machines.backups.inventory import MachineBackups, TakenBackup, backups_by_machine, open_rules
from drillbook.machines.backups.prune import BackupDecision, decide_backups, prune_backups
from drillbook.machines.backups.take import Taken, refusals, take_all
from drillbook.machines.backups.verify import BackupFinding, verify_backups

__all__ = [
    "BackupDecision",
    "BackupFinding",
    "MachineBackups",
    "Taken",
    "TakenBackup",
    "backups_by_machine",
    "decide_backups",
    "open_rules",
    "prune_backups",
    "refusals",
    "take_all",
    "verify_backups",
]
