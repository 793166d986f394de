"""Snapshots of groups of machines: taken as one set, kept by rule, gone back to as one."""

from drillbook.machines.snapshots.go_back import chosen, free_to_go_back, go_back, refuse_to_go_back
from drillbook.machines.snapshots.hook import Hooked, ServiceHook, new_hook_id
from drillbook.machines.snapshots.prune import Decision, decide, prune_snapshots
from drillbook.machines.snapshots.rest import thaw_machine
from drillbook.machines.snapshots.sets import SetState, SnapshotSet, note, sets_of
from drillbook.machines.snapshots.take import GroupSnapshots, Limits

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
    "new_hook_id",
    "note",
    "prune_snapshots",
    "refuse_to_go_back",
    "sets_of",
    "thaw_machine",
]
