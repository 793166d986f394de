"""What is read out of a configuration in a backup: disks, devices, and what leads out of a machine."""

from __future__ import annotations

import pytest

from drillbook.providers.proxmox.archived import devices_of, disks_of, left_behind, present_config
from drillbook.providers.proxmox.escapes import escapes_in

TEXT = """#a description%3A of scsi7
#qmdump#map:scsi0:drive-scsi0:ceph:raw:
boot: order=scsi0;ide2
efidisk0: ceph:vm-100-disk-2,size=528K
hostpci0: mapping=gpu
ide2: none,media=cdrom
memory: 2048
name: shop-db
scsi0: ceph:vm-100-disk-0,iothread=1,size=8G
#scsi1: ceph:vm-100-disk-1,backup=0,size=4G
scsi2: /dev/wwn-1,backup=0
scsi3: file=ceph:vm-100-disk-3,backup=no
scsihw: virtio-scsi-single

[before]
scsi9: ceph:vm-100-disk-9
usb0: host=1234:5678
"""


def test_disks_are_read_also_where_they_were_commented_out() -> None:
    assert set(disks_of(TEXT)) == {"efidisk0", "scsi0", "scsi1", "scsi2", "scsi3"}


def test_each_disk_that_did_not_come_back_is_named_with_what_brings_it_back() -> None:
    restored = {"efidisk0": "ceph:vm-100-disk-4", "scsi0": "ceph:vm-100-disk-5", "unused1": "ceph:vm-100-disk-3"}
    assert left_behind(TEXT, restored, "100") == (
        "scsi1 was in no backup, and its disk ceph:vm-100-disk-1 is gone: make it anew, and fill it",
        "scsi2 was in no backup: it is /dev/wwn-1 of the node; attach it as root by `qm set 100 --scsi2 /dev/wwn-1,backup=0`",
        "scsi3 was in no backup: it is unused1; attach it by `qm set 100 --scsi3 file=ceph:vm-100-disk-3,backup=no`",
    )
    whole = {**restored, "scsi1": "a", "scsi2": "b", "scsi3": "c"}
    assert left_behind(TEXT, whole, "100") == ()


def test_what_only_a_snapshot_had_is_not_passed_through() -> None:
    found = devices_of(present_config(TEXT))
    assert (found.raw, dict(found.mapped)) == ((), {"hostpci0": "/mapping/pci/gpu"})


@pytest.mark.parametrize(
    ("key", "value", "raw", "path"),
    [
        ("hostpci0", "0000:01:00.0,pcie=1", True, None),
        ("hostpci0", "host=01:00", True, None),
        ("hostpci0", "mapping=gpu,pcie=1", False, "/mapping/pci/gpu"),
        ("usb3", "host=1234:5678,usb3=1", True, None),
        ("usb3", "1-1.2", True, None),
        ("usb3", "spice", False, None),
        ("usb3", "host=spice,usb3=1", False, None),
        ("usb3", "mapping=dongle", False, "/mapping/usb/dongle"),
        ("virtiofs0", "share,cache=auto", False, "/mapping/dir/share"),
        ("virtiofs0", "dirid=share", False, "/mapping/dir/share"),
        ("rng0", "source=/dev/hwrng,period=1000", False, "/mapping/hwrng"),
        ("rng0", "/dev/hwrng", False, "/mapping/hwrng"),
        ("rng0", "source=/dev/urandom", False, None),
        ("scsihw", "virtio-scsi-pci", False, None),
    ],
)
def test_devices(key: str, value: str, path: str | None, *, raw: bool) -> None:
    found = devices_of({key: value})
    assert bool(found.raw) is raw
    assert found.mapped.get(key) == path


@pytest.mark.parametrize(
    ("key", "value", "red"),
    [
        ("hookscript", "local:snippets/x.pl", True),
        ("args", "-netdev user,id=n9", True),
        ("ivshmem", "size=32", True),
        ("serial0", "/dev/ttyS0", True),
        ("serial0", "socket", False),
        ("parallel0", "/dev/parport0", True),
        ("hostpci0", "mapping=gpu", True),
        ("usb0", "host=1234:5678", True),
        ("usb0", "mapping=dongle", True),
        ("usb0", "spice", False),
        ("usb0", "host=spice,usb3=1", False),
        ("virtiofs0", "share", True),
        ("rng0", "source=/dev/urandom", False),
        ("net0", "virtio,bridge=vmbr9", False),
    ],
)
def test_what_leads_out(key: str, value: str, *, red: bool) -> None:
    assert escapes_in({key: value}) == ((f"{key}: {value}",) if red else ())
