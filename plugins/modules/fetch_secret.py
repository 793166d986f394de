"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: fetch_secret
short_description: Copy a small secret file from a host to the controller
description:
  - Like ansible.builtin.fetch with C(flat), but the copy is 0600 whatever the umask, a missing directory is made
    0700, and neither the content nor a checksum of it is in the result.
options:
  src:
    description: File on the host.
    type: path
    required: true
  dest:
    description: File on the controller.
    type: path
    required: true
author: drillbook
"""
