"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_recovery_point
short_description: Choose the recovery point of a PostgreSQL restore
description:
  - Runs on the controller with drillbook's own pure code; reads nothing itself and changes nothing.
options:
  info:
    description: "JSON of C(pgbackrest info)."
    type: list
    required: true
    elements: dict
  archive:
    description: "JSON of C(pgbackrest repo-ls --recurse) of the stanza's archive."
    type: dict
    required: true
  history:
    description: "Text of the timelines' history files by path."
    type: dict
  stanza:
    description: "The stanza."
    type: str
    required: true
  request:
    description: "What is asked for; keys type target exclusive set timeline until accept_hole."
    type: dict
    required: true
  whole:
    description: "Refuse a point that lies behind a hole of the archive, unless the request's C(accept_hole) names its first segment."
    type: bool
    default: false
author: drillbook
"""
