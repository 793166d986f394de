"""Documentation of the action plugin of the same name; nothing here runs on a host."""

from __future__ import annotations

DOCUMENTATION = """
module: drillbook_service_group
short_description: Find the group of a service
description:
  - Runs on the controller; returns C(group), the group whose own C(drillbook_service) has that name, whatever the group is called.
options:
  service:
    description: Name of the service.
    type: str
  group:
    description: The group, where it is known already; it is returned as it is.
    type: str
author: drillbook
"""
