"""What a run on Proxmox VE refuses: how each fault is made, the variables that go with it, and what the message says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.proxmox import add_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.provisioning.conftest import Cluster


def _smaller(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_disks": [{"disk": "scsi1", "size_gib": 50}]}


def _same_node_declared(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_node": "pve3"}


def _same_node_found(cluster: Cluster) -> dict[str, Any]:
    cluster.server.state.guests[102].node = "pve1"
    return {}


def _wrong_template(cluster: Cluster) -> dict[str, Any]:
    cluster.server.state.guests.pop(101)
    return {"proxmox_vm_template": "debian-31"}


def _no_cloud_init(cluster: Cluster) -> dict[str, Any]:
    cluster.server.state.guests.pop(101)
    return {"proxmox_vm_template": "no-cloud-init"}


def _smaller_than_the_template(cluster: Cluster) -> dict[str, Any]:
    cluster.server.state.guests.pop(101)
    return {"proxmox_vm_disks": [{"disk": "scsi0", "size_gib": 4}]}


def _strange_machine(cluster: Cluster) -> dict[str, Any]:
    cluster.config(101).pop("tags")
    return {}


def _taken_number(cluster: Cluster) -> dict[str, Any]:
    cluster.config(101)["name"] = "mail"
    return {}


def _taken_name(cluster: Cluster) -> dict[str, Any]:
    add_machine(cluster.server.state, 177, "pve3", "ceph", name="db1")
    cluster.server.state.pools["production"].vms.append(177)
    return {}


def _absent_and_not_named(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_state": "absent"}


def _absent_and_not_ours(cluster: Cluster) -> dict[str, Any]:
    cluster.config(101)["tags"] = "theirs"
    return {"proxmox_vm_state": "absent", "provision_destroy": "db1", "provision_adopt": "db1"}


def _named_and_not_absent(cluster: Cluster) -> dict[str, Any]:
    return {"provision_destroy": "db1"}


def _declared_twice(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_vmid": 101}


def _bad_tag(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_tags": ["Two Words"]}


def _private_key(cluster: Cluster) -> dict[str, Any]:
    return {"proxmox_vm_ssh_keys": ["b3BlbnNzaC1rZXktdjEA"]}


REFUSALS: dict[str, tuple[Callable[[Cluster], dict[str, Any]], str]] = {
    "number declared twice": (_declared_twice, "is declared for more than one machine"),
    "tag that is none": (_bad_tag, "the tags drillbook, Two Words of small letters"),
    "key that is not public": (_private_key, "at least one public key, each in the form of authorized_keys"),
    "smaller disk": (_smaller, "scsi1 has 100 GiB and is declared with 50 GiB"),
    "one node declared for two": (
        _same_node_declared,
        "of the anti-affinity group postgresql_main and are both declared",
    ),
    "one node found for two": (_same_node_found, "are both on node pve1 now"),
    "wrong template": (_wrong_template, "no template called debian-31 among debian-13, no-cloud-init"),
    "template without cloud-init": (_no_cloud_init, "no-cloud-init has no cloud-init drive"),
    "smaller than the template": (_smaller_than_the_template, "scsi0 has 8 GiB and is declared with 4 GiB"),
    "machine without tag": (_strange_machine, "does not have the tag drillbook"),
    "number of another machine": (_taken_number, "the cluster has 101 as mail"),
    "name of another machine": (_taken_name, "and db1 as 177"),
    "absent, not named": (_absent_and_not_named, "only if this run names it: -e provision_destroy=db1"),
    "absent, not ours": (_absent_and_not_ours, "does not have the tag drillbook"),
    "named, not absent": (_named_and_not_absent, "does not declare, or does not declare absent"),
}
