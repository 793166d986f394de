"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_wal_continuity
short_description: Find missing WAL segments by the archive's listing
description:
  - Runs on the controller with drillbook's own pure code; reads nothing itself and changes nothing.
options:
  archive:
    description: "JSON of C(pgbackrest repo-ls --recurse) of the stanza's archive."
    type: dict
    required: true
  history:
    description: "Text of the timelines' history files by path."
    type: dict
  point:
    description: "The recovery point as drillbook_recovery_point returned it."
    type: dict
    required: true
  replayed_lsn:
    description: "Last location that was replayed."
    type: str
    required: true
author: drillbook
"""
