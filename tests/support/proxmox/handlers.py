"""All handlers, brought together by importing the modules that register them."""

from __future__ import annotations

from tests.support.proxmox.access import grants, tickets, users
from tests.support.proxmox.calls import HANDLERS
from tests.support.proxmox.cluster import backup_jobs, nodes, overview, pools, sections, task_calls
from tests.support.proxmox.guests import agent, clone, configuration, create, lists, power, removal, snapshots
from tests.support.proxmox.storage import archives, content, definitions, vzdump

MODULES = (
    agent,
    archives,
    backup_jobs,
    clone,
    configuration,
    content,
    create,
    definitions,
    grants,
    lists,
    nodes,
    overview,
    pools,
    power,
    removal,
    sections,
    snapshots,
    task_calls,
    tickets,
    users,
    vzdump,
)

__all__ = ["HANDLERS", "MODULES"]
