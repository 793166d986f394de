"""Each permission rule of the test server, once allowed and once refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.proxmox.api_client import Client
from tests.support.proxmox.layout import ROOT_PASSWORD
from tests.support.proxmox.state import Grant, Pool, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.proxmox import ProxmoxServer

VM = "/nodes/pve1/qemu/100"
VZDUMP = "/nodes/pve1/vzdump"
QEMU = "/nodes/pve1/qemu"
TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
ARCHIVE = "ARCHIVE"  # stands for the backup of machine 100 that the test makes
CREATE = {"/vms/300": "VM.Allocate"}
RESTORE = {"/vms/300": "VM.Allocate", "/storage/zfs": "Datastore.AllocateSpace", "/sdn/zones/localnetwork": "SDN.Use"}
NAS_READ = {"/storage/nas": "Datastore.AllocateSpace"}
BACKUP = {"/vms/100": "VM.Backup", "/storage/nas": "Datastore.AllocateSpace"}

# What the call needs, the one of these that makes it fail when it lacks, and the call.
RULES: dict[str, tuple[dict[str, str], str, tuple[str, str, dict[str, Any]]]] = {
    "read a configuration": ({"/vms/100": "VM.Audit"}, "/vms/100", ("GET", f"{VM}/config", {})),
    "start": ({"/vms/100": "VM.PowerMgmt"}, "/vms/100", ("POST", f"{VM}/status/start", {})),
    "snapshot": ({"/vms/100": "VM.Snapshot"}, "/vms/100", ("POST", f"{VM}/snapshot", {"snapname": "try"})),
    "roll back": ({"/vms/100": "VM.Snapshot.Rollback"}, "/vms/100", ("POST", f"{VM}/snapshot/try/rollback", {})),
    "destroy": ({"/vms/100": "VM.Allocate"}, "/vms/100", ("DELETE", VM, {})),
    "clone": (
        {
            "/vms/100": "VM.Clone",
            "/vms/300": "VM.Allocate",
            "/storage/local": "Datastore.AllocateSpace",
            "/sdn": "SDN.Use",
        },
        "/vms/300",
        ("POST", f"{VM}/clone", {"newid": 300}),
    ),
    "clone to a storage": (
        {
            "/vms/100": "VM.Clone",
            "/vms/300": "VM.Allocate",
            "/storage/thin": "Datastore.AllocateSpace",
            "/sdn": "SDN.Use",
        },
        "/storage/thin",
        ("POST", f"{VM}/clone", {"newid": 300, "storage": "thin"}),
    ),
    "create": (CREATE, "/vms/300", ("POST", QEMU, {"vmid": 300})),
    "create into a pool": (
        {"/pool/drill": "VM.Allocate"},
        "/pool/drill",
        ("POST", QEMU, {"vmid": 300, "pool": "drill"}),
    ),
    "create a disk": (
        {**CREATE, "/storage/thin": "Datastore.AllocateSpace"},
        "/storage/thin",
        ("POST", QEMU, {"vmid": 300, "scsi0": "thin:1"}),
    ),
    "create a network card": (
        {"/vms/300": "VM.Allocate VM.Config.Network", "/sdn/zones/localnetwork/vmbr9": "SDN.Use"},
        "/sdn/zones/localnetwork/vmbr9",
        ("POST", QEMU, {"vmid": 300, "net0": "virtio,bridge=vmbr9"}),
    ),
    "leave a bridge": (
        {
            "/vms/100": "VM.Config.Network",
            "/sdn/zones/localnetwork/vmbr0": "SDN.Use",
            "/sdn/zones/localnetwork/vmbr9": "SDN.Use",
        },
        "/sdn/zones/localnetwork/vmbr0",
        ("PUT", f"{VM}/config", {"net0": "virtio,bridge=vmbr9"}),
    ),
    "use a VLAN": (
        {
            "/vms/100": "VM.Config.Network",
            "/sdn/zones/localnetwork/vmbr0": "SDN.Use",
            "/sdn/zones/localnetwork/vmbr9/7": "SDN.Use",
        },
        "/sdn/zones/localnetwork/vmbr9/7",
        ("PUT", f"{VM}/config", {"net0": "virtio,bridge=vmbr9,tag=7"}),
    ),
    "set cores": ({"/vms/100": "VM.Config.CPU"}, "/vms/100", ("PUT", f"{VM}/config", {"cores": 2})),
    "set memory": ({"/vms/100": "VM.Config.Memory"}, "/vms/100", ("PUT", f"{VM}/config", {"memory": 1024})),
    "set tags": ({"/vms/100": "VM.Config.Options"}, "/vms/100", ("PUT", f"{VM}/config", {"tags": "x"})),
    "set cloud-init": ({"/vms/100": "VM.Config.Cloudinit"}, "/vms/100", ("PUT", f"{VM}/config", {"ciuser": "x"})),
    "set hardware": ({"/vms/100": "VM.Config.HWType"}, "/vms/100", ("PUT", f"{VM}/config", {"vga": "none"})),
    "set a CD drive": (
        {"/vms/100": "VM.Config.CDROM"},
        "/vms/100",
        ("PUT", f"{VM}/config", {"ide2": "none,media=cdrom"}),
    ),
    "remove a disk": ({"/vms/100": "VM.Config.Disk"}, "/vms/100", ("PUT", f"{VM}/config", {"delete": "scsi0"})),
    "set start order": (
        {"/vms/100": "VM.Config.Options", "/": "Sys.Modify"},
        "/",
        ("PUT", f"{VM}/config", {"startup": "order=1"}),
    ),
    "back up to a storage": (BACKUP, "/storage/nas", ("POST", VZDUMP, {"vmid": 100, "storage": "nas"})),
    "back up with a limit": (
        {**BACKUP, "/": "Sys.Modify"},
        "/",
        ("POST", VZDUMP, {"vmid": 100, "storage": "nas", "bwlimit": 5}),
    ),
    "back up with workers": (
        {**BACKUP, "/": "Sys.Modify"},
        "/",
        ("POST", VZDUMP, {"vmid": 100, "storage": "nas", "performance": "max-workers=2"}),
    ),
    "back up with fleecing": (
        {**BACKUP, "/storage/thin": "Datastore.AllocateSpace"},
        "/storage/thin",
        ("POST", VZDUMP, {"vmid": 100, "storage": "nas", "fleecing": "enabled=1,storage=thin"}),
    ),
    "back up and prune": (
        {"/vms/100": "VM.Backup", "/storage/nas": "Datastore.AllocateSpace Datastore.Allocate"},
        "/storage/nas",
        ("POST", VZDUMP, {"vmid": 100, "storage": "nas", "prune-backups": "keep-last=1"}),
    ),
    "restore another's backup by its owner": (
        {**RESTORE, **NAS_READ, "/vms/100": "VM.Backup"},
        "/vms/100",
        ("POST", QEMU, {"vmid": 300, "archive": ARCHIVE, "storage": "zfs"}),
    ),
    "restore another's backup by its storage": (
        {**RESTORE, "/storage/nas": "Datastore.Allocate"},
        "/storage/nas",
        ("POST", QEMU, {"vmid": 300, "archive": ARCHIVE, "storage": "zfs"}),
    ),
    "restore to a storage": (
        {**RESTORE, **NAS_READ, "/vms/100": "VM.Backup"},
        "/storage/zfs",
        ("POST", QEMU, {"vmid": 300, "archive": ARCHIVE, "storage": "zfs"}),
    ),
    "restore over a guest": (
        {"/vms/100": "VM.Backup", "/storage/local": "Datastore.AllocateSpace", "/sdn": "SDN.Use"},
        "/vms/100",
        ("POST", QEMU, {"vmid": 100, "archive": ARCHIVE, "force": 1}),
    ),
    "read a backup's configuration as the storage's administrator": (
        {"/vms/100": "VM.Backup", "/storage/nas": "Datastore.Allocate"},
        "/vms/100",
        ("GET", f"{VZDUMP}/extractconfig", {"volume": ARCHIVE}),
    ),
    "read a backup's configuration": (
        {"/vms/100": "VM.Backup", **NAS_READ},
        "/vms/100",
        ("GET", f"{VZDUMP}/extractconfig", {"volume": ARCHIVE}),
    ),
    "remove a backup": (
        {"/vms/100": "VM.Backup", **NAS_READ},
        "/vms/100",
        ("DELETE", f"/nodes/pve1/storage/nas/content/{ARCHIVE}", {}),
    ),
    "prune one guest": (
        {"/vms/100": "VM.Backup", **NAS_READ},
        "/vms/100",
        ("DELETE", "/nodes/pve1/storage/nas/prunebackups", {"vmid": 100}),
    ),
    "prune a storage": (
        {"/storage/nas": "Datastore.Allocate"},
        "/storage/nas",
        ("DELETE", "/nodes/pve1/storage/nas/prunebackups", {}),
    ),
    "list a storage": (
        {"/storage/nas": "Datastore.Audit"},
        "/storage/nas",
        ("GET", "/nodes/pve1/storage/nas/content", {}),
    ),
    "read jobs": ({"/": "Sys.Audit"}, "/", ("GET", "/cluster/backup", {})),
    "write jobs": ({"/": "Sys.Modify"}, "/", ("POST", "/cluster/backup", {"vmid": 100, "schedule": "01:00"})),
    "grant on a guest": (
        {"/vms/100": "VM.Allocate"},
        "/vms/100",
        ("PUT", "/access/acl", {"path": "/vms/100", "roles": "PVEAuditor", "users": "drill@pve"}),
    ),
    "make a pool": ({"/pool/new": "Pool.Allocate"}, "/pool/new", ("POST", "/pools", {"poolid": "new"})),
    "make a user": (
        {"/access/realm/pve": "Realm.AllocateUser", "/access/groups": "User.Modify"},
        "/access/realm/pve",
        ("POST", "/access/users", {"userid": "new@pve"}),
    ),
    "make a zone": (
        {"/sdn/zones": "SDN.Allocate"},
        "/sdn/zones",
        ("POST", "/cluster/sdn/zones", {"zone": "drill", "type": "simple"}),
    ),
    "change a network": (
        {"/sdn/zones/test/tnet": "SDN.Allocate"},
        "/sdn/zones/test/tnet",
        ("PUT", "/cluster/sdn/vnets/tnet", {"alias": "x"}),
    ),
    "ask the agent": ({"/vms/103": "VM.GuestAgent.Audit"}, "/vms/103", ("POST", "/nodes/pve2/qemu/103/agent/ping", {})),
    "read in the guest": (
        {"/vms/103": "VM.GuestAgent.FileRead"},
        "/vms/103",
        ("GET", "/nodes/pve2/qemu/103/agent/file-read", {"file": "/a"}),
    ),
    "run in the guest": (
        {"/vms/103": "VM.GuestAgent.Unrestricted"},
        "/vms/103",
        ("POST", "/nodes/pve2/qemu/103/agent/exec", {"command": ["true"]}),
    ),
}


@pytest.fixture
def prepared(root: Client, server: ProxmoxServer) -> str:
    """A running machine 103, a pool, a snapshot and a backup of machine 100; returns the backup."""
    server.state.pools["drill"] = Pool("drill")
    server.state.section("vnets")["tnet"] = {"vnet": "tnet", "zone": "test", "type": "vnet"}
    root.task("POST", "/nodes/pve2/qemu/103/status/start")
    server.control.write("ceph:vm-103-disk-0", "/a", b"a")
    root.task("POST", f"{VM}/snapshot", snapname="try0")
    root.task("POST", VZDUMP, vmid=100, storage="nas")
    return str(root.data("GET", "/nodes/pve1/storage/nas/content", content="backup")[0]["volid"])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_allows_and_refuses(rule: str, prepared: str, root: Client, granted: Callable[..., Client]) -> None:
    privileges, decisive, (method, path, parameters) = RULES[rule]
    path = path.replace(ARCHIVE, prepared)
    given = {name: prepared if value == ARCHIVE else value for name, value in parameters.items()}
    lacking = {place: names for place, names in privileges.items() if place != decisive}
    refused = granted(lacking).call(method, path, **given)
    assert refused.status_code == 403, (refused.status_code, refused.reason)
    assert refused.reason.startswith("Permission check failed")
    allowed = granted(privileges).call(method, path, **given)
    assert allowed.status_code == 200, (allowed.status_code, allowed.text)


@pytest.mark.parametrize(
    ("method", "path", "parameters", "refusal"),
    [
        ("PUT", f"{VM}/config", {"args": "-S"}, "only root can set 'args' config"),
        ("PUT", f"{VM}/config", {"lock": "backup"}, "only root can set 'lock' config"),
        ("POST", VZDUMP, {"vmid": 100, "tmpdir": "/tmp"}, "Parameter verification failed."),
        ("POST", VZDUMP, {"vmid": 100, "script": "/bin/x"}, "Parameter verification failed."),
        ("POST", f"{VM}/status/start", {"skiplock": 1}, "Parameter verification failed."),
    ],
)
def test_some_options_are_roots_alone(
    method: str,
    path: str,
    parameters: dict[str, Any],
    refusal: str,
    root: Client,
    granted: Callable[..., Client],
    server: ProxmoxServer,
) -> None:
    server.state.guests[100].status = "stopped"
    assert granted({"/": _everything(server)}).call(method, path, **parameters).reason == refusal
    assert root.call(method, path, **parameters).status_code == 200


def _everything(server: ProxmoxServer) -> str:
    from tests.support.proxmox.access.roles import PRIVILEGES  # noqa: PLC0415 - one test's business

    return " ".join(sorted(PRIVILEGES))


def test_a_backup_without_right_on_the_guest_fails_in_its_task(granted: Callable[..., Client]) -> None:
    client = granted({"/storage/nas": "Datastore.AllocateSpace"})
    assert client.task("POST", VZDUMP, vmid=100, storage="nas") == "Permission check failed (/vms/100, VM.Backup)"


def test_a_restored_bridge_must_be_the_callers_too(prepared: str, granted: Callable[..., Client]) -> None:
    client = granted({**RESTORE, **BACKUP, "/sdn/zones/localnetwork": "SDN.Audit"})
    ending = client.task("POST", QEMU, vmid=300, archive=prepared, storage="zfs")
    assert ending == "Permission check failed (/sdn/zones/localnetwork/vmbr0, SDN.Use)"


def test_a_restore_that_renames_the_bridge_needs_the_new_one_only(
    prepared: str, granted: Callable[..., Client]
) -> None:
    client = granted({**BACKUP, **_drill_rights("vmbr9")})
    net = {"net0": "virtio,bridge=vmbr9"}
    assert client.task("POST", QEMU, vmid=300, archive=prepared, storage="zfs", **net) == "OK"
    assert client.call("PUT", f"{QEMU}/300/config", net0="virtio,bridge=vmbr0").status_code == 403


def _drill_rights(bridge: str) -> dict[str, str]:
    return {
        "/vms/300": "VM.Allocate VM.Config.Network",
        "/storage/zfs": "Datastore.AllocateSpace",
        f"/sdn/zones/localnetwork/{bridge}": "SDN.Use",
    }


def test_a_separated_token_has_what_both_have(server: ProxmoxServer, granted: Callable[..., Client]) -> None:
    client = granted({"/vms/100": "VM.Audit"})
    server.state.grants = [grant for grant in server.state.grants if grant.kind != "user"]
    assert client.call("GET", f"{VM}/config").status_code == 403
    server.state.grants.append(Grant("/vms", "user", "drill@pve", "PVEVMAdmin"))
    assert client.call("GET", f"{VM}/config").status_code == 200
    assert client.call("POST", f"{VM}/status/start").status_code == 403


def test_a_token_that_is_not_separated_has_what_its_user_has(
    server: ProxmoxServer, granted: Callable[..., Client]
) -> None:
    client = granted({}, privsep=False)
    assert client.call("GET", f"{VM}/config").status_code == 403
    server.state.grants.append(Grant("/", "user", "drill@pve", "PVEAuditor"))
    assert client.call("GET", f"{VM}/config").status_code == 200


def test_a_grant_below_replaces_the_one_above(server: ProxmoxServer, granted: Callable[..., Client]) -> None:
    client = granted({}, privsep=False)
    server.state.grants.append(Grant("/", "user", "drill@pve", "PVEVMAdmin"))
    assert client.call("GET", f"{VM}/config").status_code == 200
    server.state.grants.append(Grant("/vms/100", "user", "drill@pve", "NoAccess"))
    assert client.call("GET", f"{VM}/config").status_code == 403


def test_a_grant_that_does_not_propagate_stays_where_it_is(
    server: ProxmoxServer, granted: Callable[..., Client]
) -> None:
    client = granted({}, privsep=False)
    server.state.grants.append(Grant("/vms", "user", "drill@pve", "PVEVMAdmin", propagate=False))
    assert client.call("GET", f"{VM}/config").status_code == 403
    server.state.grants[-1].propagate = True
    assert client.call("GET", f"{VM}/config").status_code == 200


def test_a_group_grants_to_its_members_and_a_pool_to_its_guests(
    server: ProxmoxServer, granted: Callable[..., Client]
) -> None:
    client = granted({}, privsep=False)
    server.state.groups["drills"] = ""
    server.state.users["drill@pve"].groups = ["drills"]
    server.state.pools["drill"] = Pool("drill", vms=[100])
    server.state.grants.append(Grant("/pool/drill", "group", "drills", "PVEVMAdmin"))
    assert client.call("GET", f"{VM}/config").status_code == 200
    assert client.call("GET", "/nodes/pve1/qemu/101/config").status_code == 403
    assert [guest["vmid"] for guest in client.data("GET", "/cluster/resources", type="vm")] == [100]


def test_lists_show_only_what_one_may_see(root: Client, granted: Callable[..., Client]) -> None:
    root.task("POST", f"{VM}/snapshot", snapname="try")
    client = granted({"/vms/101": "VM.Audit", "/storage/nas": "Datastore.Audit"})
    assert [guest["vmid"] for guest in client.data("GET", QEMU)] == [101]
    assert [storage["storage"] for storage in client.data("GET", "/nodes/pve1/storage")] == ["nas"]
    assert client.data("GET", "/nodes/pve1/tasks") == []
    assert "mem" not in client.data("GET", "/nodes")[0]


def test_ones_own_tasks_need_no_privilege(root: Client, server: ProxmoxServer, granted: Callable[..., Client]) -> None:
    client = granted({"/vms/100": "VM.PowerMgmt"})
    upid = client.data("POST", f"{VM}/status/start")
    assert client.wait(upid) == "OK"
    status = client.data("GET", f"/nodes/pve1/tasks/{upid}/status")
    assert (status["user"], status["tokenid"]) == ("drill@pve", "t0")
    other = root.data("POST", f"{VM}/snapshot", snapname="try")
    assert (
        client.call("GET", f"/nodes/pve1/tasks/{other}/status").reason
        == "Permission check failed (/nodes/pve1, Sys.Audit)"
    )
    assert (
        client.call("DELETE", f"/nodes/pve1/tasks/{other}").reason
        == "Permission check failed (/nodes/pve1, Sys.Modify)"
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "No ticket"),
        ({"Cookie": "PVEAuthCookie=PVE:root@pam:00000000::bad"}, "permission denied - invalid PVE ticket"),
        ({"Authorization": "PVEAPIToken=nobody@pve!t=x"}, "no such user ('nobody@pve')"),
        ({"Authorization": "PVEAPIToken=drill@pve!t=x"}, "no such token 't' for user 'drill@pve'"),
        ({"Authorization": "PVEAPIToken=off@pve!t=x"}, "user 'off@pve' is disabled"),
    ],
)
def test_who_is_not_known_is_turned_away(server: ProxmoxServer, headers: dict[str, str], reason: str) -> None:
    server.state.users["off@pve"] = User(enable=False)
    answer = Client(server, headers).call("GET", "/nodes")
    assert (answer.status_code, answer.reason, answer.text) == (401, reason, "")


def test_a_write_by_ticket_needs_the_token_against_forgery(server: ProxmoxServer, root: Client) -> None:
    without = Client(server, {"Cookie": root._headers["Cookie"]})
    assert without.call("GET", f"{VM}/config").status_code == 200
    assert without.call("POST", f"{VM}/status/start").reason == "Permission denied - invalid csrf token"


def test_a_role_a_user_and_a_token_made_by_the_api_are_real(server: ProxmoxServer, root: Client) -> None:
    root.data("POST", "/access/roles", roleid="Auditor", privs="VM.Audit")
    root.data("POST", "/access/users", userid="made@pve", password="long enough")
    made = root.data("POST", "/access/users/made@pve/token/t1")
    client = Client(server, {"Authorization": f"PVEAPIToken={made['full-tokenid']}={made['value']}"})
    assert client.call("GET", f"{VM}/config").status_code == 403
    for subject in ({"users": "made@pve"}, {"tokens": "made@pve!t1"}):
        root.data("PUT", "/access/acl", path="/vms/100", roles="Auditor", **subject)
    assert client.call("GET", f"{VM}/config").status_code == 200
    assert client.data("GET", "/access/permissions", path="/vms/100") == {"/vms/100": {"VM.Audit": 1}}
    login = Client(server, {}).data("POST", "/access/ticket", username="made@pve", password="long enough")
    assert login["username"] == "made@pve"
    assert (
        Client(server, {}).call("POST", "/access/ticket", username="root@pam", password=ROOT_PASSWORD + "!").status_code
        == 401
    )
