"""Make an ssh key pair that a new machine shows at its first login, and at no other."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from drillbook.ssh_key import SshKey


class ActionModule(ActionBase):
    """Runs on the controller, which keeps the key in memory alone. Its task says `no_log`."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset[str]()

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return it under `key`: {"public": "ssh-ed25519 AAAA...", "private": OpenSSH's own form}."""
        result = super().run(tmp, task_vars)
        made = SshKey.generate()
        result.update(changed=False, key={"public": made.public, "private": made.private})
        return result
