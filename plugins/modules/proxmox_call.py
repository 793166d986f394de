"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: proxmox_call
short_description: Make a call of Proxmox VE, and wait for the task that it starts
description:
  - Runs on the controller with drillbook's own client. A task that fails ends it at once, with what the task says and what to do.
  - A call that was cut off is not made again. Its task is looked for on the node.
  - It is never asked whether the call is needed. In check mode only reads are made.
options:
  access:
    description: "Who asks whom: api_host api_port api_user api_token_id api_token_secret, and ca_file."
    type: dict
    required: true
  method:
    description: "HTTP method; all but C(get) start a task."
    type: str
    required: true
    choices: [get, post, put, delete]
  path:
    description: "Path below C(/api2/json). That of a task begins with its node: C(/nodes/pve1/qemu/100/status/start)."
    type: str
    required: true
  parameters:
    description: "Of the call."
    type: dict
  task:
    description: "Type of the task that it starts, by which one whose call was cut off is found: C(qmstart), C(qmclone)."
    type: str
  vmid:
    description: "Number of the guest that the task is about."
    type: int
  what:
    description: "What messages call the task: C(starting db1)."
    type: str
  timeout_seconds:
    description: "How long the task may take."
    type: float
author: drillbook
"""
