"""The test server itself: its schema, its logins, its tasks, and that contents are really kept."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
import requests
from proxmoxer import ProxmoxAPI, ResourceException
from tests.support.proxmox import ROOT_PASSWORD, ProxmoxProcess, ProxmoxServer, cluster
from tests.support.proxmox.api_client import Client
from tests.support.proxmox.handlers import HANDLERS
from tests.support.proxmox.schema import load_schema

if TYPE_CHECKING:
    from pathlib import Path

VM = "/nodes/pve1/qemu/100"
CT = "/nodes/pve1/lxc/200"
DISK = "local:100/vm-100-disk-0.qcow2"


def test_every_handler_stands_in_the_schema() -> None:
    known = {(endpoint.method, endpoint.path) for endpoint in load_schema().endpoints}
    assert set(HANDLERS) - known == set()
    assert len(HANDLERS) >= 168


@pytest.mark.parametrize(
    ("path", "parameters", "field", "wording"),
    [
        ("/nodes/pve1/qemu", {"vmid": 500, "colour": "red"}, "colour", "property is not defined in schema"),
        ("/nodes/pve1/qemu", {}, "vmid", "property is missing and it is not optional"),
        ("/nodes/pve1/qemu", {"vmid": 99}, "vmid", "value does not look like a valid VM ID"),
        ("/nodes/pve1/qemu", {"vmid": 500, "scsihw": "none"}, "scsihw", "does not have a value in the enumeration"),
        (
            "/nodes/pve1/qemu",
            {"vmid": 500, "unique": 1},
            "archive",
            "missing property - 'unique' requires this property",
        ),
        ("/nodes/pve1/qemu", {"vmid": 500, "net40": "virtio"}, "net40", "property is not defined in schema"),
        ("/nodes/pve1/qemu", {"vmid": 500, "name": "a b"}, "name", "valid DNS name"),
        (f"{VM}/snapshot", {"snapname": "x" * 41}, "snapname", "value may only be 40 characters long"),
        (
            "/nodes/pve1/vzdump",
            {"vmid": 100, "prune-backups": "keep-some=1"},
            "prune-backups",
            "prune-backups.keep-some",
        ),
        ("/cluster/backup", {"vmid": 100, "schedule": "sometimes"}, "schedule", "invalid calendar event"),
    ],
)
def test_the_schema_refuses(
    root: Client, server: ProxmoxServer, path: str, parameters: dict[str, str | int], field: str, wording: str
) -> None:
    answer = root.call("POST", path, **parameters)
    assert (answer.status_code, answer.reason) == (400, "Parameter verification failed.")
    assert wording in answer.json()["errors"][field]
    assert [one["errors"].keys() for one in server.control.invalid()] == [{field}]


def test_a_call_that_only_the_test_server_lacks_says_so(root: Client) -> None:
    answer = root.call("GET", "/cluster/ceph/status")
    assert answer.status_code == 501
    assert answer.reason.startswith("TEST SERVER LACKS")
    assert root.call("GET", "/cluster/cephalopods").reason == "Method 'GET /cluster/cephalopods' not implemented"


def test_parameters_are_taken_from_json_too(lasting: Client, server: ProxmoxServer) -> None:
    url, headers = f"{lasting.base}{VM}/config", lasting._headers
    answer = requests.put(url, json={"cores": 2, "onboot": True}, headers=headers, verify=server.ca, timeout=30)
    assert answer.status_code == 200
    refused = requests.put(url, json={"cores": [2]}, headers=headers, verify=server.ca, timeout=30)
    assert refused.json()["errors"] == {"cores": "type check ('integer') failed - got 'ARRAY'"}
    config = lasting.data("GET", f"{VM}/config")
    assert (config["cores"], config["onboot"]) == (2, 1)


def test_backup_jobs_of_a_node_run_one_after_the_other(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(slow={"vzdump": 0.4})
    jobs = [root.data("POST", "/nodes/pve1/vzdump", vmid=vmid, storage="nas") for vmid in (100, 101)]
    assert root.log(jobs[1]) == ["no content"]
    assert [root.wait(upid) for upid in jobs] == ["OK", "OK"]
    first, second = (root.data("GET", f"/nodes/pve1/tasks/{upid}/log", limit=0) for upid in jobs)
    assert len(first) > 10 < len(second)


def test_the_list_of_requests_counts_by_guest(root: Client, server: ProxmoxServer) -> None:
    root.data("GET", f"{VM}/config")
    root.data("GET", f"{VM}/status/current")
    root.data("GET", "/nodes/pve1/qemu/101/config")
    assert server.control.calls_of(100) == 2
    assert [one["endpoint"] for one in server.control.served("GET", "/qemu/101")] == [
        "/nodes/{node}/qemu/{vmid}/config"
    ]


def test_a_task_is_listed_as_active_while_it_runs(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(slow={"qmstart": 0.5})
    upid = root.data("POST", f"{VM}/status/start")
    assert root.data("GET", f"/nodes/pve1/tasks/{upid}/status")["status"] == "running"
    assert [task["upid"] for task in root.data("GET", "/nodes/pve1/tasks", source="active")] == [upid]
    assert root.data("GET", "/nodes/pve1/tasks") == []
    assert root.wait(upid) == "OK"
    assert [task["status"] for task in root.data("GET", "/nodes/pve1/tasks")] == ["OK"]


def test_a_task_log_gives_fifty_lines_unless_asked(root: Client, server: ProxmoxServer) -> None:
    upid = root.data("POST", "/nodes/pve1/vzdump", all=1, storage="local")
    root.wait(upid)
    assert len(root.log(upid)) == 50
    assert len(root.log(upid, limit=0)) > 50
    assert root.log(upid, limit=0)[-1] == "TASK OK"


@pytest.mark.parametrize("memory", [False, True])
def test_a_rollback_brings_content_and_configuration_back(root: Client, server: ProxmoxServer, memory: bool) -> None:
    root.task("POST", f"{VM}/status/start")
    root.data("POST", f"{VM}/agent/file-write", file="/etc/issue", content="before")
    server.control.guest(100, memory={"cache": b"warm"})
    assert root.task("POST", f"{VM}/snapshot", snapname="before", vmstate=int(memory)) == "OK"
    root.data("POST", f"{VM}/agent/file-write", file="/etc/issue", content="after")
    root.data("POST", f"{VM}/agent/file-write", file="/etc/new", content="new")
    root.data("PUT", f"{VM}/config", tags="changed", description="kept")
    assert root.task("POST", f"{VM}/snapshot/before/rollback") == "OK"
    assert server.control.read(DISK, "/etc/issue") == b"before"
    assert server.control.read(DISK, "/etc/new") is None
    config = root.data("GET", f"{VM}/config")
    assert (config["tags"], config["description"], config["parent"]) == ("drill", "kept", "before")
    assert root.data("GET", f"{VM}/status/current")["status"] == ("running" if memory else "stopped")
    assert bool(server.state.guests[100].memory) is memory


def test_snapshots_are_a_tree(root: Client) -> None:
    for name in ("one", "two", "three"):
        root.task("POST", f"{VM}/snapshot", snapname=name)
    root.task("POST", f"{VM}/snapshot/one/rollback")
    root.task("POST", f"{VM}/snapshot", snapname="four")
    root.task("DELETE", f"{VM}/snapshot/two")
    parents = {entry["name"]: entry.get("parent") for entry in root.data("GET", f"{VM}/snapshot")}
    assert parents == {"one": None, "three": "one", "four": "one", "current": "four"}
    assert root.task("POST", f"{VM}/snapshot", snapname="four") == "snapshot name 'four' already used"


def test_what_a_storage_cannot_snapshot_is_said(root: Client) -> None:
    expected = {"qemu/100": 1, "qemu/101": 1, "qemu/102": 0, "lxc/200": 1, "lxc/201": 0}
    for guest, has in expected.items():
        path = f"/nodes/pve1/{guest}"
        assert root.data("GET", f"{path}/feature", feature="snapshot")["hasFeature"] == has
        assert root.task("POST", f"{path}/snapshot", snapname="try") == (
            "OK" if has else "snapshot feature is not available"
        )


def test_zfs_goes_back_to_the_newest_snapshot_only(root: Client) -> None:
    path = "/nodes/pve1/qemu/101"
    for name in ("old", "new"):
        root.task("POST", f"{path}/snapshot", snapname=name)
    refused = root.task("POST", f"{path}/snapshot/old/rollback")
    assert refused == "can't rollback, 'old' is not most recent snapshot on 'zfs:vm-101-disk-0'"
    assert root.task("POST", f"{path}/snapshot/new/rollback") == "OK"


def test_a_backup_holds_what_was_there_and_restores_it(root: Client, server: ProxmoxServer) -> None:
    server.control.write(DISK, "/data", b"first")
    assert (
        root.task(
            "POST",
            "/nodes/pve1/vzdump",
            vmid=100,
            storage="nas",
            compress="zstd",
            notes_template="{{guestname}} {{vmid}}",
        )
        == "OK"
    )
    server.control.write(DISK, "/data", b"second")
    backup = root.data("GET", "/nodes/pve1/storage/nas/content", content="backup")[0]
    assert (backup["notes"], backup["format"], backup["vmid"]) == ("vm100 100", "vma.zst", 100)
    assert "#qmdump#map:scsi0:drive-scsi0:local:qcow2:" in root.data(
        "GET", "/nodes/pve1/vzdump/extractconfig", volume=backup["volid"]
    )
    ending = root.task(
        "POST",
        "/nodes/pve2/qemu",
        vmid=300,
        archive=backup["volid"],
        storage="zfs",
        unique=1,
        memory=256,
        net0="virtio,bridge=vmbr9",
    )
    assert ending == "OK"
    old, new = root.data("GET", f"{VM}/config"), root.data("GET", "/nodes/pve2/qemu/300/config")
    assert server.control.read("zfs:vm-300-disk-0", "/data", node="pve2") == b"first"
    assert (new["memory"], new["tags"], new["scsi0"]) == ("256", "drill", "zfs:vm-300-disk-0,size=8G")
    assert "bridge=vmbr9" in new["net0"]
    assert new["net0"].split(",")[0] != old["net0"].split(",")[0]
    assert new["smbios1"] != old["smbios1"]


def test_a_restore_without_unique_keeps_the_address(root: Client) -> None:
    root.task("POST", "/nodes/pve1/vzdump", vmid=101, storage="nas")
    backup = root.data("GET", "/nodes/pve1/storage/nas/content", content="backup")[0]["volid"]
    for vmid, unique in ((300, 0), (301, 1)):
        assert root.task("POST", "/nodes/pve1/qemu", vmid=vmid, archive=backup, unique=unique) == "OK"
    address = {vmid: root.data("GET", f"/nodes/pve1/qemu/{vmid}/config")["net0"] for vmid in (101, 300, 301)}
    assert address[300] == address[101] != address[301]


def test_a_restore_over_a_guest_replaces_it(root: Client, server: ProxmoxServer) -> None:
    server.control.write(DISK, "/data", b"good")
    root.task("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
    server.control.write(DISK, "/data", b"bad")
    root.data("PUT", f"{VM}/config", tags="broken")
    backup = root.data("GET", "/nodes/pve1/storage/local/content", content="backup")[0]["volid"]
    root.task("POST", f"{VM}/status/start")
    assert (
        root.task("POST", "/nodes/pve1/qemu", vmid=100, archive=backup, force=1)
        == "unable to restore VM 100 - vm is running"
    )
    root.task("POST", f"{VM}/status/stop")
    assert root.task("POST", "/nodes/pve1/qemu", vmid=100, archive=backup, force=1) == "OK"
    assert root.data("GET", f"{VM}/config")["tags"] == "drill"
    assert server.control.read(DISK, "/data") == b"good"


def test_a_container_is_backed_up_and_restored(root: Client, server: ProxmoxServer) -> None:
    server.control.write("zfs:subvol-200-disk-0", "/data", b"content")
    assert root.task("POST", "/nodes/pve1/vzdump", vmid=200, storage="backups", mode="suspend") == "OK"
    backup = root.data("GET", "/nodes/pve1/storage/backups/content")[0]
    assert backup["format"] == "pbs-ct"
    ending = root.task(
        "POST", "/nodes/pve3/lxc", vmid=400, ostemplate=backup["volid"], restore=1, unique=1, storage="thin"
    )
    assert ending == "OK"
    assert server.control.read("thin:vm-400-disk-0", "/data", node="pve3") == b"content"


def test_guests_are_made_cloned_grown_moved_and_destroyed(root: Client, server: ProxmoxServer) -> None:
    made = root.task(
        "POST", "/nodes/pve1/qemu", vmid=500, name="new", scsi0="thin:4", net0="virtio,bridge=vmbr0", agent="1"
    )
    assert made == "OK"
    config = root.data("GET", "/nodes/pve1/qemu/500/config")
    assert (config["scsi0"], config["boot"]) == ("thin:vm-500-disk-0,size=4G", "order=scsi0;net0")
    server.control.write("thin:vm-500-disk-0", "/x", b"x")
    assert root.task("POST", "/nodes/pve1/qemu/500/template") == "OK"
    assert root.task("POST", "/nodes/pve1/qemu/500/status/start") == "you can't start a vm if it's a template"
    assert root.task("POST", "/nodes/pve1/qemu/500/clone", newid=501, name="copy", full=1) == "OK"
    assert server.control.read("thin:vm-501-disk-0", "/x") == b"x"
    assert root.task("PUT", "/nodes/pve1/qemu/501/resize", disk="scsi0", size="+2G") == "OK"
    assert root.data("GET", "/nodes/pve1/qemu/501/config")["scsi0"].endswith("size=6G")
    assert root.task("POST", "/nodes/pve1/qemu/501/migrate", target="pve2") == "OK"
    assert server.control.read("thin:vm-501-disk-0", "/x", node="pve2") == b"x"
    root.data("PUT", "/nodes/pve2/qemu/501/config", protection=1)
    assert root.call("DELETE", "/nodes/pve2/qemu/501").reason == "can't remove VM 501 - protection mode enabled"
    root.data("PUT", "/nodes/pve2/qemu/501/config", delete="protection")
    assert root.task("DELETE", "/nodes/pve2/qemu/501", purge=1) == "OK"
    assert not [volid for volid in server.control.state()["volumes"] if "vm-501-" in volid]


def test_a_container_is_made_from_a_template(root: Client) -> None:
    template = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
    ending = root.task(
        "POST",
        "/nodes/pve1/lxc",
        vmid=600,
        ostemplate=template,
        rootfs="zfs:2",
        hostname="web",
        net0="name=eth0,bridge=vmbr0",
    )
    assert ending == "OK"
    config = root.data("GET", "/nodes/pve1/lxc/600/config")
    assert (config["rootfs"], config["hostname"], config["swap"]) == ("zfs:subvol-600-disk-0,size=2G", "web", 512)
    missing = root.call("POST", "/nodes/pve1/lxc", vmid=601, ostemplate="local:vztmpl/none.tar.zst")
    assert missing.reason == "volume 'local:vztmpl/none.tar.zst' does not exist"


def test_the_agent_reads_writes_and_runs(root: Client, server: ProxmoxServer) -> None:
    assert root.call("POST", f"{VM}/agent/ping").reason == "VM 100 is not running"
    root.task("POST", f"{VM}/status/start")
    root.data("POST", f"{VM}/agent/file-write", file="/tmp/a", content="hello")
    assert root.data("GET", f"{VM}/agent/file-read", file="/tmp/a") == {"content": "hello"}
    assert server.control.read(DISK, "/tmp/a") == b"hello"
    pid = root.data("POST", f"{VM}/agent/exec", command=["cat", "/tmp/a"])["pid"]
    assert root.data("GET", f"{VM}/agent/exec-status", pid=pid) == {"exited": 1, "exitcode": 0, "out-data": "hello"}
    server.control.guest(100, programs={"pg_isready": {"exitcode": 2, "out": "no response"}})
    pid = root.data("POST", f"{VM}/agent/exec", command=["pg_isready", "-q"])["pid"]
    assert root.data("GET", f"{VM}/agent/exec-status", pid=pid)["exitcode"] == 2
    assert root.data("POST", f"{VM}/agent/fsfreeze-freeze") == {"result": 1}
    assert root.call("POST", f"{VM}/agent/file-write", file="/tmp/b", content="x").status_code == 500
    assert root.data("POST", f"{VM}/agent/fsfreeze-thaw") == {"result": 1}


def test_prune_removes_what_it_announced_and_spares_the_protected(lasting: Client, server: ProxmoxServer) -> None:
    root = lasting
    for _ in range(4):
        root.task("POST", "/nodes/pve1/vzdump", vmid=100, storage="nas")
        server.control.forward(86_400)
    path = "/nodes/pve1/storage/nas"
    oldest = min(entry["volid"] for entry in root.data("GET", f"{path}/content"))
    root.data("PUT", f"{path}/content/{oldest}", protected=1)
    marks = [
        entry["mark"] for entry in root.data("GET", f"{path}/prunebackups", prune_backups="keep-last=1,keep-daily=1")
    ]
    assert marks == ["protected", "remove", "keep", "keep"]
    assert root.task("DELETE", f"{path}/prunebackups", prune_backups="keep-last=1") == "OK"
    assert len(root.data("GET", f"{path}/content")) == 2


def test_jobs_tell_what_they_leave_out(root: Client) -> None:
    root.data("POST", "/cluster/backup", id="nightly", schedule="02:30", vmid="100,101", storage="nas")
    assert {entry["vmid"] for entry in root.data("GET", "/cluster/backup-info/not-backed-up")} == {102, 103, 200, 201}
    assert [guest["id"] for guest in root.data("GET", "/cluster/backup/nightly/included_volumes")["children"]] == [
        100,
        101,
    ]
    root.data("PUT", "/cluster/backup/nightly", all=1, delete="vmid")
    assert root.data("GET", "/cluster/backup-info/not-backed-up") == []
    root.data("DELETE", "/cluster/backup/nightly")
    assert root.data("GET", "/cluster/backup") == []


def test_named_entries_are_kept(root: Client) -> None:
    root.data("POST", "/cluster/sdn/zones", zone="drill", type="simple")
    root.data("POST", "/cluster/sdn/vnets", vnet="dnet", zone="drill")
    root.data("POST", "/cluster/ha/resources", sid="vm:100", state="started")
    root.data(
        "POST",
        "/cluster/ha/rules",
        rule="apart",
        type="resource-affinity",
        resources="vm:100,vm:101",
        affinity="negative",
    )
    root.data("POST", "/pools", poolid="drill")
    root.data("PUT", "/pools/drill", vms="100,200")
    assert [entry["vnet"] for entry in root.data("GET", "/cluster/sdn/vnets")] == ["dnet"]
    assert root.data("GET", "/cluster/ha/resources/vm:100")["type"] == "vm"
    assert root.data("GET", "/cluster/ha/rules")[0]["affinity"] == "negative"
    assert [entry["vmid"] for entry in root.data("GET", "/pools/drill")["members"]] == [100, 200]
    root.data("PUT", f"{VM}/config", net0="virtio,bridge=dnet")
    assert root.task("POST", f"{VM}/status/start") == "OK"
    assert root.call("DELETE", VM).status_code == 500


def test_twenty_nodes_with_ten_thousand_guests_start_in_seconds() -> None:
    begun = time.monotonic()
    with ProxmoxServer(cluster(20, 500)) as server:
        api = ProxmoxAPI("127.0.0.1", port=server.port, user="root@pam", password=ROOT_PASSWORD, verify_ssl=server.ca)
        assert len(api.cluster.resources.get(type="vm")) == 10_000
        assert api.cluster.nextid.get() == "10100"
    assert time.monotonic() - begun < 20


def test_proxmoxer_drills(server: ProxmoxServer) -> None:
    api = ProxmoxAPI("127.0.0.1", port=server.port, user="root@pam", password=ROOT_PASSWORD, verify_ssl=server.ca)
    created = api.access.users("root@pam").token("smoke").post(privsep=0)
    token = ProxmoxAPI(
        "127.0.0.1",
        port=server.port,
        user="root@pam",
        token_name="smoke",
        token_value=created["value"],
        verify_ssl=server.ca,
    )
    node = token.nodes("pve1")
    node.vzdump.post(vmid=100, storage="local", mode="snapshot", compress="zstd")
    server.control.settle()
    archive = node.storage("local").content.get(content="backup")[0]["volid"]
    upid = node.qemu.post(vmid=900, archive=archive, unique=1, net0="virtio,bridge=vmbr9,link_down=1", start=1)
    server.control.settle()
    assert node.tasks(upid).status.get()["exitstatus"] == "OK"
    assert node.qemu(900).agent.ping.post() == {"result": {}}
    with pytest.raises(ResourceException, match="500 Internal Server Error: VM 900 is running - destroy failed"):
        node.qemu(900).delete()
    assert server.control.invalid() == []


def test_a_process_keeps_its_state_in_a_file(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for expected in ("vm100", "renamed"):
        with ProxmoxProcess("--nodes", "2", "--guests", "1", "--state", str(state)) as process:
            port = int(process.url.rpartition(":")[2])
            api = ProxmoxAPI("127.0.0.1", port=port, user="root@pam", password=ROOT_PASSWORD, verify_ssl=process.ca)
            assert api.nodes("pve1").qemu(100).config.get()["name"] == expected
            api.nodes("pve1").qemu(100).config.put(name="renamed")
            process.control.write("zfs:vm-100-disk-0", "/kept", b"\x00\xff")
    assert json.loads(state.read_text())["guests"]["100"]["config"]["name"] == "renamed"
    with ProxmoxProcess("--state", str(state)) as process:
        assert process.control.read("zfs:vm-100-disk-0", "/kept") == b"\x00\xff"
