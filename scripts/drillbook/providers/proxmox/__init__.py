"""Proxmox VE, version 8.4 or newer, by its HTTP interface."""
