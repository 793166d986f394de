"""Tell which of the fingerprints found in restored data can be believed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.kinds.postgresql.fingerprints import believe


class ActionModule(ActionBase):
    """Runs on the controller, whose key the restored host does not have; never fails because of a row's content."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"declared", "stored", "public_key"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `fingerprints`: for each declared name its problem and remedy ("" for none), database, statement, result, lsn."""
        result = super().run(tmp, task_vars)
        asked = self._task.args
        try:
            found = believe(asked["declared"], asked["stored"], asked["public_key"])
        except ValueError as error:
            raise AnsibleActionFail(
                f"postgresql_prove_public_key is no Ed25519 public key in hexadecimal: {error}"
            ) from None
        result.update(changed=False, fingerprints=[asdict(fingerprint) for fingerprint in found])
        return result
