"""Lookup of the object store's keys that lie on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: store_key
short_description: Keys of a user of the object store
description:
  - Reads C(<directory>/<user>.json), where the role object_store leaves each user's keys on the controller.
  - In a dry run on fresh hosts the store has made none yet. Then both keys are C(not made yet).
options:
  _terms:
    description: Names of users, such as C(heartbeat_writer).
    required: true
  directory:
    description: Where the keys are. Left out, C(drillbook_object_store.credentials_directory) of the inventory.
    type: path
"""
EXAMPLES = """
pgbackrest_s3_key: "{{ lookup('drillbook.platform.store_key', 'repository_writer').access_key }}"
"""
RETURN = """
_raw:
  description: For each user C(access_key) and C(secret_key).
  type: list
  elements: dict
"""

PARTS = ("access_key", "secret_key")
NOT_MADE_YET = dict.fromkeys(PARTS, "not made yet")
READABLE_FOR_OTHERS = 0o077


class LookupModule(LookupBase):
    """``lookup('drillbook.platform.store_key', 'heartbeat_writer')``: one dictionary with the user's two keys."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[dict[str, str]]:
        """Return the keys of each user; raises AnsibleError that names the file, and never what is in it."""
        self.set_options(var_options=variables, direct=options)
        directory = self.get_option("directory") or self._declared(variables or {})
        dry_run = bool((variables or {}).get("ansible_check_mode"))
        return [_keys(Path(directory).expanduser() / f"{user}.json", dry_run=dry_run) for user in terms]

    def _declared(self, variables: dict[str, Any]) -> str:
        store = self._templar.template(variables.get("drillbook_object_store", {}))
        if not store.get("credentials_directory"):
            raise AnsibleError(
                "store_key: the inventory has no drillbook_object_store.credentials_directory. Declare it, or give directory."
            )
        return str(store["credentials_directory"])


def _keys(path: Path, *, dry_run: bool) -> dict[str, str]:
    if not path.exists() and dry_run:
        return dict(NOT_MADE_YET)
    try:
        if path.stat().st_mode & READABLE_FOR_OTHERS:
            raise AnsibleError(f"store_key: {path} can be read by others. Make it 0600, and its key a new one.")
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {part: str(kept[part]) for part in PARTS}
    except FileNotFoundError:
        raise AnsibleError(
            f"store_key: there is no {path}. The role object_store leaves it there: run playbooks/site.yml, or put the keys of your store there."
        ) from None
    except OSError as error:
        raise AnsibleError(f"store_key: {path} can't be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise AnsibleError(f"store_key: {path} is not a JSON object with access_key and secret_key") from None
