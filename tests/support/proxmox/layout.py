"""Clusters to begin with."""

from __future__ import annotations

import time

from tests.support.proxmox.cluster.nodes import new_node
from tests.support.proxmox.guests.cloud_init import cloud_init_drives
from tests.support.proxmox.guests.drives import volume_id
from tests.support.proxmox.state import GIBIBYTE, Config, Guest, State, Storage, User, Volume

ROOT_PASSWORD = "secret"
_DISK = 8 * GIBIBYTE


def empty_cluster(nodes: int = 1, first: str = "pve") -> State:
    """Return nodes with storages and root, and no guest."""
    state = State()
    for number in range(1, nodes + 1):
        name = f"{first}{number}"
        state.nodes[name] = new_node(name, number)
    state.storages = {storage.name: storage for storage in _storages()}
    state.users["root@pam"] = User(password=ROOT_PASSWORD)
    return state


def _storages() -> list[Storage]:
    directory: Config = {"path": "/var/lib/vz", "prune-backups": "keep-all=1"}
    return [
        Storage("local", "dir", "vztmpl,backup,rootdir,iso,snippets,images", options=directory),
        Storage("zfs", "zfspool", "images,rootdir", options={"pool": "rpool/data", "sparse": 1}),
        Storage("thin", "lvmthin", "images,rootdir", options={"vgname": "pve", "thinpool": "data"}),
        Storage("thick", "lvm", "images,rootdir", options={"vgname": "san"}),
        Storage(
            "luns", "iscsi", "images", shared=True, options={"portal": "10.99.0.99", "target": "iqn.2026-01.test:luns"}
        ),
        Storage("ceph", "rbd", "images,rootdir", shared=True, options={"pool": "vms"}),
        Storage(
            "nas",
            "nfs",
            "images,backup,iso,vztmpl",
            shared=True,
            options={"server": "10.99.0.98", "export": "/srv", "path": "/mnt/pve/nas"},
        ),
        Storage("backups", "pbs", "backup", shared=True, options={"server": "10.99.0.97", "datastore": "store"}),
    ]


def add_machine(state: State, vmid: int, node: str, storage: str = "zfs", **config: str | int) -> Guest:
    """Add a stopped virtual machine with one disk."""
    home = state.storages[storage]
    volid = f"{storage}:{vmid}/vm-{vmid}-disk-0.qcow2" if home.kind in {"dir", "nfs"} else f"{storage}:vm-{vmid}-disk-0"
    shape = "qcow2" if home.kind in {"dir", "nfs"} else "raw"
    _add_disk(state, vmid, node, home, volid, shape, "images")
    identity = f"{vmid:08d}-0000-4000-8000-000000000000"
    guest = Guest(
        vmid,
        "qemu",
        node,
        {
            "agent": "1",
            "boot": "order=scsi0;net0",
            "cores": 1,
            "memory": "512",
            "meta": f"creation-qemu=10.0.13,ctime={int(time.time())}",
            "name": f"vm{vmid}",
            "net0": f"virtio={_mac(vmid)},bridge=vmbr0",
            "scsi0": f"{volid},size=8G",
            "scsihw": "virtio-scsi-pci",
            "smbios1": f"uuid={identity}",
            "vmgenid": identity,
            **config,
        },
    )
    state.guests[vmid] = guest
    for _, line in cloud_init_drives(guest.config):
        drive = volume_id(line)
        _add_disk(state, vmid, node, state.storages[drive.partition(":")[0]], drive, "raw", "images")
    return guest


def add_container(state: State, vmid: int, node: str, storage: str = "zfs", **config: str | int) -> Guest:
    """Add a stopped container with one disk."""
    home = state.storages[storage]
    volid = (
        f"{storage}:{vmid}/vm-{vmid}-disk-0.raw" if home.kind in {"dir", "nfs"} else f"{storage}:subvol-{vmid}-disk-0"
    )
    _add_disk(state, vmid, node, home, volid, "raw" if home.kind in {"dir", "nfs"} else "subvol", "rootdir")
    guest = Guest(
        vmid,
        "lxc",
        node,
        {
            "arch": "amd64",
            "hostname": f"ct{vmid}",
            "memory": 256,
            "net0": f"name=eth0,bridge=vmbr0,hwaddr={_mac(vmid)},ip=dhcp,type=veth",
            "ostype": "debian",
            "rootfs": f"{volid},size=8G",
            "swap": 512,
            **config,
        },
    )
    state.guests[vmid] = guest
    return guest


def _add_disk(state: State, vmid: int, node: str, home: Storage, volid: str, shape: str, content: str) -> None:
    place = "" if home.shared else node
    state.volumes[f"{place}|{volid}"] = Volume(volid, place, home.name, content, shape, _DISK, vmid, int(time.time()))


def _mac(vmid: int) -> str:
    digits = f"{vmid:06X}"
    return f"BC:24:11:{digits[-6:-4]}:{digits[-4:-2]}:{digits[-2:]}"


def cluster(nodes: int = 3, guests: int = 2) -> State:
    """Return nodes with as many machines each, numbered from 100."""
    state = empty_cluster(nodes)
    vmid = 100
    for node in state.nodes:
        for _ in range(guests):
            add_machine(state, vmid, node)
            vmid += 1
    return state
