"""Proxmox VE, version 8.4 or newer, by its HTTP interface."""

from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.recoveries import ProxmoxRecoveries
from drillbook.providers.proxmox.restores import ProxmoxRestores
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots

__all__ = [
    "ProxmoxApi",
    "ProxmoxBackups",
    "ProxmoxEndpoint",
    "ProxmoxRecoveries",
    "ProxmoxRestores",
    "ProxmoxSnapshots",
]
