"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: difference
short_description: Show what the following tasks change
description:
  - Runs on the controller. Changed when O(before) and O(after) differ; with C(--diff) it shows how, in check mode as well.
options:
  before:
    description: What is there, as far as it differs. Without secrets.
    type: dict
    required: true
  after:
    description: What is wanted instead.
    type: dict
    required: true
author: drillbook
"""
