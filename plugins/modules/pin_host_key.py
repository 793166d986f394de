"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: pin_host_key
short_description: Put a machine's host key into ssh's file of known hosts
description:
  - Runs on the controller. The key is read by a way that nobody on the network can forge, and takes the place of the host's older ones.
  - Without O(proxmox) and O(ec2) it only warns where ssh does not know the host. With O(file) alone it only fails where that can't be written.
  - In check mode no machine is asked, and nothing is written.
options:
  file:
    description: "The file, C(UserKnownHostsFile) of ssh. Lines of other hosts stay as they are."
    type: path
    required: true
  machine:
    description: "Name of the machine, for messages."
    type: str
  names:
    description: "What ssh calls it: C(ansible_host) first. Empty ones are left out."
    type: list
    elements: str
  new:
    description: "Whether this run made it: then its older keys go, whether the new one can be read or not."
    type: bool
    default: false
  port:
    description: "Where its ssh listens."
    type: int
    default: 22
  timeout_seconds:
    description: "How long the machine is waited for."
    type: float
  proxmox:
    description: "Read it by the guest agent: access (as for M(proxmox_call)), node and vmid."
    type: dict
  ec2:
    description:
      - "Log in by a throw-away key and have the instance make its own: address, user, first_key, and ssh with port, private_key_file, args,
        common_args and extra_args."
    type: dict
  remedy:
    description: "What the warning says to do."
    type: str
author: drillbook
"""
