"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: throwaway_host_key
short_description: Make an ssh host key for a machine's first login
description:
  - Runs on the controller. The key is in the result alone, so the task must say C(no_log).
author: drillbook
"""
