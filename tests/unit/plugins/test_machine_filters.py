"""What differs between a machine and its declaration: each kind of difference is found, and nothing else is."""

from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.support.modules import module_at

FILTERS = Path(__file__).resolve().parents[3] / "plugins/filter"
KEY = "ssh-ed25519 AAAA me@example.org"
WANTED: dict[str, Any] = {
    "cores": 2,
    "memory": 2048,
    "onboot": True,
    "description": "a machine",
    "tags": ["drillbook", "web"],
    "user": "debian",
    "ssh_keys": [KEY],
    "nameservers": ["192.0.2.1"],
    "networks": [{"bridge": "vmbr0", "tag": 7, "address": "192.0.2.5/24", "gateway": "192.0.2.1"}, {"bridge": "vmbr1"}],
    "disks": [{"disk": "scsi0", "size_gib": 32}],
}
CONFIG: dict[str, Any] = {
    "cores": 2,
    "memory": "2048",
    "onboot": 1,
    "agent": "enabled=1,fstrim_cloned_disks=1",
    "description": "a machine\n",
    "tags": "web;drillbook",
    "ciuser": "debian",
    "ciupgrade": 0,
    "sshkeys": "ssh-ed25519%20AAAA%20me%40example.org%0A",
    "nameserver": "192.0.2.1",
    "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=7",
    "ipconfig0": "gw=192.0.2.1,ip=192.0.2.5/24",
    "net1": "virtio=BC:24:11:00:00:02,bridge=vmbr1,firewall=0",
    "ipconfig1": "ip=dhcp",
    "scsi0": "ceph:vm-1-disk-0,iothread=1,size=32768M",
    "scsi9": "ceph:vm-1-disk-9,size=1G",
}


def load(name: str) -> ModuleType:
    return module_at(FILTERS / f"{name}.py")


def changes(config: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    found: dict[str, Any] = load("proxmox_vm").proxmox_vm_changes(config, WANTED | wanted)
    return found


def test_what_only_is_written_differently_is_the_same() -> None:
    found = changes(CONFIG)
    assert not any(found.values())


def test_memory_may_be_a_property_string() -> None:
    assert not changes(CONFIG | {"memory": "current=2048"})["settings"]


@pytest.mark.parametrize(
    ("key", "value", "called"),
    [
        ("cores", 1, {"cores": 2}),
        ("memory", "512", {"memory": 2048}),
        ("onboot", 0, {"onboot": True}),
        ("agent", "0", {"agent": "enabled=1"}),
        ("tags", "drillbook", {"tags": ["drillbook", "web"]}),
        ("description", "other", {"description": "a machine"}),
        ("ciuser", "root", {"ciuser": "debian"}),
        ("ciupgrade", 1, {"ciupgrade": False}),
        ("sshkeys", "ssh-rsa%20B", {"sshkeys": KEY}),
        ("nameserver", "", {"nameservers": ["192.0.2.1"]}),
        ("ipconfig1", "ip=192.0.2.9/24", {"ipconfig": {"ipconfig1": "ip=dhcp"}}),
    ],
)
def test_a_setting_that_differs(key: str, value: Any, called: dict[str, Any]) -> None:
    found = changes(CONFIG | {key: value})
    assert found["settings"] == called
    assert (found["cards"], found["new_disks"], found["grown_disks"], found["shrunk"]) == ([], [], [], [])
    assert found["before"] != found["after"]


def test_a_machine_that_does_not_say_is_upgraded_at_its_first_boot() -> None:
    """Proxmox VE's own default; a drill's copy has a first boot, too."""
    found = changes({key: value for key, value in CONFIG.items() if key != "ciupgrade"})
    assert found["settings"] == {"ciupgrade": False}


@pytest.mark.parametrize(
    "line", ["bridge=vmbr0", "bridge=vmbr0,tag=8", "bridge=vmbr9,tag=7", "bridge=vmbr0,tag=7,firewall=1"]
)
def test_a_card_that_differs(line: str) -> None:
    found = changes(CONFIG | {"net0": f"virtio=BC:24:11:00:00:01,{line}"})
    assert found["cards"] == [{"interface": "net0", "bridge": "vmbr0", "tag": 7, "firewall": False}]


@pytest.mark.parametrize(("size", "expected"), [("16G", "grown_disks"), ("64G", "shrunk"), ("0.5T", "shrunk")])
def test_disks_grow_and_never_shrink(size: str, expected: str) -> None:
    found = changes(CONFIG | {"scsi0": f"ceph:vm-1-disk-0,size={size}"})
    assert [name for name in ("grown_disks", "shrunk", "new_disks") if found[name]] == [expected]


def test_a_machine_that_is_not_there_differs_in_everything() -> None:
    found = changes({})
    assert found["before"] == {}
    assert found["new_disks"] == WANTED["disks"]
    assert {"cores", "memory", "tags", "sshkeys", "net0", "net1", "ipconfig0", "scsi0"} <= set(found["after"])


def test_a_machine_to_be_removed_is_on_no_node() -> None:
    host = {"inventory_hostname": "db1", "proxmox_vm_vmid": 101, "proxmox_vm_node": "pve1"}
    group = {"proxmox_vm_anti_affinity_group": "db"}
    sibling = load("proxmox_vm").proxmox_vm_sibling
    assert sibling(host | group) == {"name": "db1", "vmid": 101, "node": "pve1", "group": "db"}
    assert sibling(host | group | {"proxmox_vm_state": "absent"})["group"] == ""


INSTANCE: dict[str, Any] = {
    "instance_id": "i-1",
    "instance_type": "t3.small",
    "root_device_name": "/dev/xvda",
    "security_groups": [{"group_name": "b"}, {"group_name": "a"}],
    "tags": {"drillbook": "provision", "Name": "db1"},
}
VOLUMES: list[dict[str, Any]] = [
    {"id": "v-1", "size": 16, "type": "gp3", "attachment_set": [{"instance_id": "i-1", "device": "/dev/xvda"}]},
    {"id": "v-2", "size": 50, "type": "gp2", "attachment_set": [{"instance_id": "i-1", "device": "/dev/sdf"}]},
]
DECLARED: dict[str, Any] = {
    "type": "t3.small",
    "tags": {"Name": "db1", "drillbook": "provision"},
    "security_groups": ["a", "b"],
    "root_size_gib": 16,
    "volumes": [{"device": "/dev/sdf", "size_gib": 50}],
}


def test_an_instance_as_declared() -> None:
    found = load("ec2_vm").ec2_vm_changes(INSTANCE, VOLUMES, DECLARED)
    assert not any(found.values())


def test_an_instance_that_differs() -> None:
    declared = deepcopy(DECLARED) | {"type": "t3.large", "security_groups": ["a"], "root_size_gib": 8}
    declared["volumes"] = [{"device": "/dev/sdf", "size_gib": 60}, {"device": "/dev/sdg", "size_gib": 1}]
    found = load("ec2_vm").ec2_vm_changes(INSTANCE, VOLUMES, declared)
    assert found["type"]
    assert found["instance"]
    assert found["shrunk"] == ["/dev/xvda has 16 GiB and is declared with 8 GiB"]
    assert found["grown"] == [{"device": "/dev/sdf", "size_gib": 60, "volume_id": "v-2", "volume_type": "gp2"}]
    assert found["new"] == [{"device": "/dev/sdg", "size_gib": 1}]
    assert set(found["after"]) == {"type", "security_groups", "/dev/sdf", "/dev/sdg"}
