"""Logins as a client makes them."""

from __future__ import annotations

from typing import Any

from tests.support.proxmox.access.roles import PRIVILEGES
from tests.support.proxmox.calls import Call, handles


@handles("POST", "/access/ticket")
def create_ticket(call: Call) -> Any:
    """Log in."""
    name = str(call.get("username"))
    user = name if "@" in name else f"{name}@{call.get('realm', 'pam')}"
    call.engine.login.enter(user, str(call.get("password")))
    capabilities = {
        kind: dict.fromkeys(sorted(PRIVILEGES), 1) if user == "root@pam" else {}
        for kind in ("vms", "storage", "nodes", "dc")
    }
    return {
        "username": user,
        "ticket": call.engine.login.ticket(user),
        "CSRFPreventionToken": call.engine.login.csrf(user),
        "clustername": call.state.name,
        "cap": capabilities,
    }


@handles("GET", "/access/domains")
def list_realms(_call: Call) -> Any:
    """Return the two realms that every installation has."""
    return [
        {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
        {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
    ]
