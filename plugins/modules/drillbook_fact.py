"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_fact
short_description: Hand one fact of a run to the drill
description:
  - Runs on the controller; the drill reads the fact from the task's event.
options:
  name:
    description: Name of the fact, for instance C(recovery_point).
    type: str
    required: true
  value:
    description: Any JSON value without secrets.
    type: raw
    required: true
author: drillbook
"""
