"""Which cloud-init drives are in the way of a restore, by their names on each kind of storage."""

from typing import Any, cast

import pytest

from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.cloud_init_drives import left_drives


class Cluster:
    """A storage's volumes, and the guests that are there."""

    def __init__(self, *volumes: str, guest: dict[str, Any] | None = None) -> None:
        self.volumes = volumes
        self.guest = guest

    def get(self, path: str, /, **_parameters: Any) -> Any:
        if path.endswith("/content"):
            storage = path.split("/")[4]
            return [{"volid": volume} for volume in self.volumes if volume.startswith(f"{storage}:")]
        if path == "/cluster/resources":
            return [] if self.guest is None else [{"vmid": 132, "node": "pve1", "id": "qemu/132"}]
        assert path == "/nodes/pve1/qemu/132/config"
        return self.guest


def left(cluster: Cluster, *lines: str) -> tuple[str, ...]:
    config = {f"ide{number}": line for number, line in enumerate(lines)} | {"scsi0": "ceph:vm-132-disk-0,size=4G"}
    return left_drives(cast("ProxmoxApi", cluster), config, 132, lambda: "pve1")


@pytest.mark.parametrize("volume", ["ceph:vm-132-cloudinit", "nas:132/vm-132-cloudinit.qcow2"])
def test_one_of_the_same_name_is_in_the_way_unless_a_guest_has_it(volume: str) -> None:
    assert left(Cluster(volume), f"{volume},media=cdrom") == (volume,)
    assert left(Cluster(volume, guest={"scsi0": "ceph:vm-132-disk-0"}), f"{volume},media=cdrom") == (volume,)
    assert left(Cluster(volume, guest={"ide2": f"{volume},media=cdrom"}), f"{volume},media=cdrom") == ()


@pytest.mark.parametrize("volume", ["ceph:vm-133-cloudinit", "ceph:vm-132-disk-0", "ceph:vm-132-cloudinit-old"])
def test_others_are_not(volume: str) -> None:
    assert left(Cluster(volume), "ceph:vm-132-cloudinit,media=cdrom") == ()


def test_a_machine_without_such_a_drive_asks_nobody() -> None:
    assert left(Cluster("ceph:vm-132-cloudinit"), "none,media=cdrom") == ()
