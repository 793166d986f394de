"""Snapshots of groups of machines: taken as one set, kept by rule, gone back to as one."""

from drillbook.snapshots.go_back import chosen, free_to_go_back, go_back, refuse_to_go_back
from drillbook.snapshots.hook import Hooked, ServiceHook, new_run_id
from drillbook.snapshots.prune import prune
from drillbook.snapshots.retention import Decision, decide
from drillbook.snapshots.sets import SetState, SnapshotSet, note, sets_of
from drillbook.snapshots.take import GroupSnapshots, Limits

__all__ = [
    "Decision",
    "GroupSnapshots",
    "Hooked",
    "Limits",
    "ServiceHook",
    "SetState",
    "SnapshotSet",
    "chosen",
    "decide",
    "free_to_go_back",
    "go_back",
    "new_run_id",
    "note",
    "prune",
    "refuse_to_go_back",
    "sets_of",
]
