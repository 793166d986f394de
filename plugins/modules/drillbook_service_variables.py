"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_service_variables
short_description: Give a sandbox the variables of a service's groups
description:
  - Runs on the controller. The host gets what the inventory says for the groups in which every host of the service stands, in
    Ansible's own precedence, whatever the layout (files, folders, the inventory's own file, parents of the group).
  - Values are given unrendered, for the rest of the run. Variables of the service's hosts, and C(ansible_*), are not given.
  - The result is kept out of every output, since the values hold the service's secrets.
options:
  group:
    description: The service's group.
    type: str
    required: true
author: drillbook
"""
