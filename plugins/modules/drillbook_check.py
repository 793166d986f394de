"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_check
short_description: Record one acceptance check of a drill
description:
  - Runs on the controller, never fails the play by itself, and adds the check to the host fact C(drillbook_checks).
  - The drill collects it from the task's event; a runbook asserts at its end that none has failed.
options:
  name:
    description: Name of the check, unique within the run.
    type: str
    required: true
  stage:
    description: When it is asked.
    type: str
    choices: [gate, isolation, verify, prove]
    default: verify
  passed:
    description: The outcome.
    type: bool
    default: false
  skipped:
    description: True when the check could not be asked here; the run is then at best UNPROVEN.
    type: bool
    default: false
  expected:
    description: What should have been seen.
    type: raw
  actual:
    description: What was seen. Never a secret or the content of a row.
    type: raw
  message:
    description: One sentence on what it means.
    type: str
  remedy:
    description: What to do when it failed.
    type: str
author: drillbook
"""
