"""Each fault that the test server can play, and that it ends when it is repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from tests.support.proxmox.layout import ROOT_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.proxmox import ProxmoxServer
    from tests.support.proxmox.api_client import Client

VM = "/nodes/pve1/qemu/100"


def test_a_node_that_is_away(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(offline=["pve2"])
    answer = root.call("GET", "/nodes/pve2/qemu/103/config")
    assert (answer.status_code, answer.text) == (596, "")
    assert {node["node"]: node["status"] for node in root.data("GET", "/nodes")}["pve2"] == "offline"
    assert [one["status"] for one in root.data("GET", "/cluster/resources", type="vm") if one["vmid"] == 103] == [
        "unknown"
    ]
    server.control.repair()
    assert root.data("GET", "/nodes/pve2/qemu/103/config")["name"] == "vm103"


def test_the_answering_node_itself_away(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(offline=["pve1"])
    with pytest.raises(requests.ConnectionError):
        root.call("GET", "/version")


def test_no_quorum(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(quorum_lost=True)
    assert root.data("GET", "/cluster/status")[0]["quorate"] == 0
    assert root.data("GET", "/cluster/nextid") == "104"
    assert root.call("POST", "/nodes/pve1/qemu", vmid=300).reason == "cluster not ready - no quorum?"
    refused = root.call("PUT", f"{VM}/config", tags="x")
    assert refused.status_code == 500
    wording = "unable to open file '/etc/pve/nodes/pve1/qemu-server/100.conf.tmp."
    assert refused.reason.startswith(wording)
    assert refused.reason.endswith("- Permission denied")
    assert root.task("POST", f"{VM}/snapshot", snapname="try").startswith(wording)
    upid = root.data("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
    assert root.wait(upid) == "job errors"
    assert any(wording in line for line in root.log(upid))
    server.control.repair()
    assert root.task("POST", f"{VM}/snapshot", snapname="try") == "OK"


def test_a_lock(root: Client, server: ProxmoxServer) -> None:
    server.control.guest(100, lock="backup")
    locked = "VM is locked (backup)"
    assert root.task("POST", f"{VM}/status/start") == locked
    assert root.task("POST", f"{VM}/snapshot", snapname="try") == locked
    assert root.task("DELETE", VM) == locked
    assert root.call("PUT", f"{VM}/config", tags="x").reason == locked
    assert root.call("POST", f"{VM}/clone", newid=700).reason == locked
    assert root.task("POST", "/nodes/pve1/vzdump", vmid=100, storage="local") == "job errors"
    server.control.guest(100, lock=None)
    assert root.task("POST", f"{VM}/status/start") == "OK"


def test_a_silent_agent(root: Client, server: ProxmoxServer) -> None:
    root.task("POST", f"{VM}/status/start")
    server.control.faults(silent_agents=[100])
    answer = root.call("POST", f"{VM}/agent/ping")
    assert (answer.status_code, answer.reason) == (500, "QEMU guest agent is not running")
    upid = root.data("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
    assert root.wait(upid) == "OK"
    assert not any("fs-freeze" in line for line in root.log(upid, limit=0))


def test_a_full_storage(root: Client, server: ProxmoxServer) -> None:
    root.task("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
    backup = root.data("GET", "/nodes/pve1/storage/local/content", content="backup")[0]["volid"]
    server.control.faults(full_storages=["nas", "zfs"])
    assert root.data("GET", "/nodes/pve1/storage/nas/status")["avail"] == 0
    upid = root.data("POST", "/nodes/pve1/vzdump", vmid=100, storage="nas")
    assert root.wait(upid) == "job errors"
    assert any("No space left on device" in line for line in root.log(upid))
    assert "No space left on device" in root.task("POST", "/nodes/pve1/qemu", vmid=300, archive=backup, storage="zfs")
    # A restore that fails leaves the machine behind, without disks.
    assert root.data("GET", "/nodes/pve1/qemu/300/config").keys() == {"digest", "memory"}
    assert root.data("GET", "/nodes/pve1/storage/nas/content") == []


def test_a_connection_cut_after_the_write_was_accepted(root: Client, server: ProxmoxServer) -> None:
    server.control.cut_connection("POST", "/snapshot$", accepted=True)
    with pytest.raises(requests.ConnectionError):
        root.call("POST", f"{VM}/snapshot", snapname="once")
    server.control.settle()
    assert [task["status"] for task in root.data("GET", "/nodes/pve1/tasks", typefilter="qmsnapshot", vmid=100)] == [
        "OK"
    ]
    assert "once" in server.state.guests[100].snapshots


def test_a_connection_cut_before_the_write_was_accepted(root: Client, server: ProxmoxServer) -> None:
    server.control.cut_connection("POST", "/snapshot$", accepted=False)
    with pytest.raises(requests.ConnectionError):
        root.call("POST", f"{VM}/snapshot", snapname="once")
    assert server.state.guests[100].snapshots == {}


def test_an_answer_from_in_between(root: Client, server: ProxmoxServer) -> None:
    server.control.answer_with(503, "Service Unavailable", "GET", "/version", count=2)
    assert [root.call("GET", "/version").status_code for _ in range(3)] == [503, 503, 200]


def test_the_next_number_is_taken_by_another(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(nextid_taken=1)
    first = root.data("GET", "/cluster/nextid")
    refused = root.call("POST", "/nodes/pve1/qemu", vmid=first)
    assert refused.reason == f"unable to create VM {first} - VM {first} already exists on node 'pve1'"
    assert root.task("POST", "/nodes/pve1/qemu", vmid=root.data("GET", "/cluster/nextid")) == "OK"


def test_a_token_whose_time_is_over(server: ProxmoxServer, granted: Callable[..., Client]) -> None:
    client = granted({"/vms": "VM.Audit"})
    assert client.call("GET", "/version").status_code == 200
    server.control.expire_token("drill@pve", "t0")
    answer = client.call("GET", "/version")
    assert (answer.status_code, answer.reason) == (401, "token 't0' access expired")


def test_a_ticket_whose_time_is_over(root: Client, server: ProxmoxServer) -> None:
    server.control.forward(7300)
    answer = root.call("GET", "/version")
    assert (answer.status_code, answer.reason) == (401, "permission denied - invalid PVE ticket")
    assert ROOT_PASSWORD not in answer.text


@pytest.mark.parametrize("by_client", [False, True])
def test_an_aborted_task(root: Client, server: ProxmoxServer, by_client: bool) -> None:
    if by_client:
        server.control.faults(slow={"vzdump": 30})
        upid = root.data("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
        root.data("DELETE", f"/nodes/pve1/tasks/{upid}")
    else:
        server.control.faults(abort={"vzdump": 1})
        upid = root.data("POST", "/nodes/pve1/vzdump", vmid=100, storage="local")
    assert root.wait(upid) == "interrupted by signal"
    assert "lock" not in root.data("GET", f"{VM}/config")
    assert root.data("GET", "/nodes/pve1/storage/local/content", content="backup") == []


def test_a_task_with_warnings(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(warn={"qmstart": 1})
    upid = root.data("POST", f"{VM}/status/start")
    assert root.wait(upid) == "WARNINGS: 1"
    assert root.log(upid)[-1] == "TASK WARNINGS: 1"
    assert root.data("GET", "/nodes/pve1/tasks", statusfilter="warning")[0]["upid"] == upid


def test_a_task_that_fails_as_planned(root: Client, server: ProxmoxServer) -> None:
    server.control.faults(fail={"qmshutdown": ["VM quit/powerdown failed - got timeout"]})
    root.task("POST", f"{VM}/status/start")
    assert root.task("POST", f"{VM}/status/shutdown") == "VM quit/powerdown failed - got timeout"
    assert root.task("POST", f"{VM}/status/shutdown") == "OK"


def test_a_missing_bridge(root: Client) -> None:
    root.data("PUT", f"{VM}/config", net0="virtio,bridge=vmbr77")
    assert root.task("POST", f"{VM}/status/start") == "bridge 'vmbr77' does not exist"
