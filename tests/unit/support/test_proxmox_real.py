"""What a pve-manager 9.0.11 did where this server once did otherwise: each answer here stood on a real wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.proxmox.api_client import Client
from tests.support.proxmox.state import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.proxmox import ProxmoxServer

VM = "/nodes/pve1/qemu/100"
QEMU = "/nodes/pve1/qemu"
LEFT = "local:100/vm-100-cloudinit.qcow2"


def listed(client: Client) -> dict[str, object]:
    """The entry of machine 100 in the list of all guests."""
    found: dict[str, object] = next(one for one in client.data("GET", "/cluster/resources") if one.get("vmid") == 100)
    return found


def backup_of(root: Client, vmid: int, storage: str = "local") -> str:
    assert root.task("POST", "/nodes/pve1/vzdump", vmid=vmid, storage=storage) == "OK"
    found = root.data("GET", f"/nodes/pve1/storage/{storage}/content", content="backup", vmid=vmid)
    return str(found[-1]["volid"])


def test_a_guests_pool_is_shown_to_auditors_of_the_pool(server: ProxmoxServer, granted: Callable[..., Client]) -> None:
    server.state.pools["shop"] = Pool("shop", vms=[100])
    assert "pool" not in listed(granted({"/vms/100": "VM.Audit VM.Backup"}))
    assert listed(granted({"/pool/shop": "VM.Audit Pool.Audit"}))["pool"] == "shop"


def test_a_pools_members_are_shown_to_everybody_by_the_newer_call_alone(
    server: ProxmoxServer, granted: Callable[..., Client]
) -> None:
    server.state.pools |= {"shop": Pool("shop", vms=[100]), "shop/web": Pool("shop/web")}
    nobody = granted({})
    assert [one["vmid"] for one in nobody.data("GET", "/pools", poolid="shop")[0]["members"]] == [100]
    refused = nobody.call("GET", "/pools/shop")
    assert (refused.status_code, refused.reason) == (403, "Permission check failed (/pool/shop, Pool.Audit)")
    nested = granted({"/pool/shop/web": "Pool.Audit"}).call("GET", "/pools/shop/web")
    assert (nested.status_code, nested.reason) == (501, "Method 'GET /pools/shop/web' not implemented")


def test_the_members_are_shown_to_auditors_where_a_version_asks_for_that(
    server: ProxmoxServer, granted: Callable[..., Client]
) -> None:
    server.state.pools["shop"] = Pool("shop")
    server.control.faults(pools_audited=True)
    assert granted({}).call("GET", "/pools", poolid="shop").status_code == 403
    assert granted({"/pool/shop": "Pool.Audit"}).call("GET", "/pools", poolid="shop").status_code == 200


def test_a_cloud_init_drive_left_on_the_storage_stops_a_restore(root: Client, server: ProxmoxServer) -> None:
    root.data("PUT", f"{VM}/config", ide2="local:cloudinit")
    assert root.data("GET", f"{VM}/config")["ide2"] == f"{LEFT},media=cdrom"
    backup = backup_of(root, 100)
    # So somebody removes the configuration of a machine whose node is gone for good: its volumes stay.
    server.state.guests.pop(100)
    ending = root.task("POST", QEMU, vmid=100, archive=backup)
    assert ending.startswith("command 'set -o pipefail && zstd")
    assert ending.endswith("failed: disk image '/var/lib/vz/images/100/vm-100-cloudinit.qcow2' already exists")
    assert root.task("DELETE", VM) == "OK"
    root.data("DELETE", f"/nodes/pve1/storage/local/content/{LEFT}")
    assert root.task("POST", QEMU, vmid=100, archive=backup) == "OK"
    assert root.data("GET", f"{VM}/config")["ide2"] == f"{LEFT},media=cdrom"


def test_a_cloud_init_drive_bears_the_number_of_its_guest(root: Client, server: ProxmoxServer) -> None:
    root.data("PUT", f"{VM}/config", ide2="zfs:cloudinit", ide0="none,media=cdrom")
    assert root.data("GET", f"{VM}/config")["ide2"] == "zfs:vm-100-cloudinit,media=cdrom"
    backup = backup_of(root, 100)
    assert root.task("POST", f"{VM}/clone", newid=300) == "OK"
    assert root.task("POST", QEMU, vmid=301, archive=backup, unique=1) == "OK"
    for vmid in (300, 301):
        config = root.data("GET", f"{QEMU}/{vmid}/config")
        assert (config["ide0"], config["ide2"]) == ("none,media=cdrom", f"zfs:vm-{vmid}-cloudinit,media=cdrom")
    # Over the guest itself: what stands in the drive's place is replaced with it.
    assert root.task("POST", QEMU, vmid=100, archive=backup, force=1) == "OK"
    for vmid in (100, 300, 301):
        assert root.task("DELETE", f"{QEMU}/{vmid}") == "OK"
    assert not [volid for volid in server.control.state()["volumes"] if "cloudinit" in volid]


@pytest.mark.parametrize("archived", [False, True])
def test_a_call_that_finds_no_worker_leaves_the_number_taken_in_no_pool(
    root: Client, server: ProxmoxServer, *, archived: bool
) -> None:
    server.state.pools["drill"] = Pool("drill")
    archive = {"archive": backup_of(root, 100)} if archived else {}
    server.control.faults(no_worker={"*": 1})
    answer = root.call("POST", QEMU, vmid=300, pool="drill", **archive)
    assert (answer.status_code, answer.reason) == (500, "got no worker upid - start worker failed")
    assert server.control.state()["guests"]["300"]["config"] == {"lock": "create"}
    assert server.control.state()["pools"]["drill"]["vms"] == []


def test_what_a_running_backup_lets_others_do(root: Client, server: ProxmoxServer) -> None:
    assert root.task("POST", f"{VM}/status/start") == "OK"
    server.control.guest(100, lock="backup")
    locked = "VM is locked (backup)"
    assert root.task("POST", f"{VM}/status/start") == "OK"
    assert root.task("POST", f"{VM}/status/stop") == locked
    assert root.task("POST", f"{VM}/status/shutdown") == locked
    assert root.task("POST", f"{VM}/snapshot", snapname="try") == locked
    assert root.call("PUT", f"{VM}/config", tags="x").reason == locked
    assert root.call("POST", f"{VM}/config", tags="x").reason == locked
    assert root.call("DELETE", VM).reason == "VM 100 is running - destroy failed"
