"""Have a member of an etcd cluster anew, in the place of one that lost its data."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.drillbook.platform.plugins.module_utils.etcd import ROOT, TLS_ARGUMENTS, Etcd, EtcdError

DOCUMENTATION = """
module: etcd_member
short_description: Register a member without data with the cluster that still answers
description:
  - Removes the member that has the same address for its peers, for its data is gone, and adds a new one. It takes its place at its start.
options:
  root_password:
    description: Password of the user C(root); not asked for where authentication is off.
    type: str
    required: true
  peer_url:
    description: Where the other members reach it.
    type: str
    required: true
extends_documentation_fragment: drillbook.platform.etcd
author: drillbook
"""

RETURN = """
removed:
  description: Names of the members that had the address.
  type: list
  elements: str
  returned: success
"""


def register(etcd: Etcd, peer_url: str, *, dry: bool) -> list[str]:
    """Remove who has the address, and add it; returns the names of those removed."""
    members = etcd.call("/cluster/member/list").get("members", ())
    former = [member for member in members if peer_url in member.get("peerURLs", ())]
    if not dry:
        for member in former:
            etcd.call("/cluster/member/remove", ID=member["ID"])
        etcd.call("/cluster/member/add", peerURLs=[peer_url])
    return [str(member.get("name", "")) for member in former]


def main() -> None:
    """Do it, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            **TLS_ARGUMENTS,
            "root_password": {"type": "str", "required": True, "no_log": True},
            "peer_url": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    wanted: dict[str, Any] = module.params
    try:
        etcd = Etcd(wanted)
        etcd.log_in(ROOT, wanted["root_password"])
        removed = register(etcd, wanted["peer_url"], dry=module.check_mode)
    except EtcdError as error:
        module.fail_json(msg=f"etcd: {error}")
    else:
        module.exit_json(changed=True, removed=removed)


if __name__ == "__main__":
    main()
