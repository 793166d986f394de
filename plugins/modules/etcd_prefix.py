"""Remove all keys of etcd that begin with a prefix."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.drillbook.platform.plugins.module_utils.etcd import TLS_ARGUMENTS, Etcd, EtcdError, key_range

DOCUMENTATION = """
module: etcd_prefix
short_description: Remove the keys of etcd that begin with a prefix
description:
  - As a user, so where etcd asks who its clients are it removes what is that user's alone.
options:
  user:
    description: Who asks.
    type: str
    required: true
  password:
    description: Its password; empty for an etcd without authentication.
    type: str
    default: ""
  prefix:
    description: What the keys begin with.
    type: str
    required: true
extends_documentation_fragment: drillbook.platform.etcd
author: drillbook
"""

RETURN = """
removed:
  description: How many keys there were.
  type: int
  returned: success
"""


def main() -> None:
    """Remove them, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            **TLS_ARGUMENTS,
            "user": {"type": "str", "required": True},
            "password": {"type": "str", "default": "", "no_log": True},
            "prefix": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    wanted: dict[str, Any] = module.params
    try:
        etcd = Etcd(wanted)
        etcd.log_in(wanted["user"], wanted["password"])
        first, behind = key_range(wanted["prefix"])
        verb = "range" if module.check_mode else "deleterange"
        answer = etcd.call(f"/kv/{verb}", key=first, range_end=behind)
    except EtcdError as error:
        module.fail_json(msg=f"etcd: {error}")
    else:
        removed = int(answer.get("count" if module.check_mode else "deleted", 0))
        module.exit_json(changed=removed > 0, removed=removed)


if __name__ == "__main__":
    main()
