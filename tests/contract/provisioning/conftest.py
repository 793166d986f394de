"""A cluster and a region to make machines in, each with the example inventory that points at it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from tests.contract.provisioning.controller import ROOT, Controller
from tests.support.moto_ec2 import complete_ec2
from tests.support.moto_server import moto_server
from tests.support.proxmox import ProxmoxServer, add_machine, empty_cluster
from tests.support.proxmox.state import Grant, Pool, Token, User

from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "7c1f0d5e-not-to-be-seen"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 operator@example.org"
KNOWN_HOSTS = "/etc/drillbook/ssh/known_hosts"
HOST_KEY = SshKey.generate().public
BOOTED = json.dumps(
    {"v1": {"init": {"errors": [], "finished": 12.5}, "modules-final": {"errors": [], "finished": None}}}
)
"""What cloud-init says of itself while packages are updated."""
REGION = "eu-central-1"
HOW_TO = ROOT / "docs/how-to/provision.md"


class Cluster:
    """Proxmox VE with a template, and a token that has what the how-to gives it, no more."""

    def __init__(self, server: ProxmoxServer, controller: Controller) -> None:
        self.server = server
        self.controller = controller

    @property
    def known_hosts(self) -> Path:
        """What ssh believes."""
        return self.controller.home / "known_hosts"

    def boots(self, key: str = f"{HOST_KEY} root@debian\n", status: str = BOOTED) -> None:
        """What each machine that is cloned from now on has inside."""
        self.server.control.write("ceph:vm-900-disk-0", "/run/cloud-init/status.json", status.encode(), "pve1")
        self.server.control.write("ceph:vm-900-disk-0", "/etc/ssh/ssh_host_ed25519_key.pub", key.encode(), "pve1")

    def config(self, vmid: int) -> dict[str, Any]:
        """A machine's configuration."""
        return self.server.state.guests[vmid].config


def cluster_state() -> Any:
    """Three nodes, templates, somebody else's machine, and the token."""
    state = empty_cluster(3)
    add_machine(state, 900, "pve1", "ceph", name="debian-13", ide2="ceph:vm-900-cloudinit,media=cdrom", template=1)
    add_machine(state, 901, "pve1", "ceph", name="no-cloud-init", template=1)
    add_machine(state, 500, "pve1", "ceph", name="bank-db")
    state.pools = {"production": Pool("production"), "templates": Pool("templates", vms=[900, 901])}
    state.users["drillbook@pve"] = User(tokens={"provision": Token(SECRET)})
    text = HOW_TO.read_text(encoding="utf-8")
    state.roles |= {name: given.split() for name, given in re.findall(r'pveum role add (\S+) --privs "([^"]+)"', text)}
    granted = re.findall(r"pveum acl modify (\S+) --(user|token)s '?([^ ']+)'? --roles (\S+)", text)
    assert len(granted) == 8
    state.grants += [Grant(path, kind, subject, role) for path, kind, subject, role in granted]
    return state


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """And in the end: every request was one that the official schema knows."""
    with ProxmoxServer(cluster_state()) as server:
        places = {
            "pve1.example.org:8006": f"127.0.0.1:{server.port}",
            "pve1.example.org": "127.0.0.1",
            "api_port: 8006": f"api_port: {server.port}",
            "/etc/drillbook/pve-root-ca.pem": server.ca,
        }
        secrets = {"vault_proxmox_token_secret": SECRET, "vault_ssh_public_key": KEY}
        home = tmp_path_factory.mktemp("cluster")
        controller = Controller(home, "proxmox", secrets, places | {KNOWN_HOSTS: str(home / "known_hosts")})
        controller.environment["REQUESTS_CA_BUNDLE"] = server.ca
        made = Cluster(server, controller)
        made.boots()
        yield made
        assert server.control.invalid() == []


def lose(server: ProxmoxServer, vmid: int) -> None:
    """A machine is gone with its disks, as if they had burnt."""
    server.state.guests.pop(vmid, None)
    members = server.state.pools["production"].vms
    members[:] = [member for member in members if member != vmid]
    for key in [key for key in server.state.volumes if f"vm-{vmid}-" in key]:
        del server.state.volumes[key]


class Region:
    """EC2 as moto has it, with the subnets that the example names."""

    def __init__(self, endpoint: str, controller: Controller) -> None:
        self.controller = controller
        self.client: Any = boto3.client(
            "ec2", region_name=REGION, endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
        )

    def instances(self) -> dict[str, Any]:
        """Instances that are not terminated, by name."""
        found = [one for entry in self.client.describe_instances()["Reservations"] for one in entry["Instances"]]
        alive = [one for one in found if one["State"]["Name"] != "terminated"]
        return {tag["Value"]: one for one in alive for tag in one["Tags"] if tag["Key"] == "Name"}

    def sizes(self, instance: str) -> dict[str, int]:
        """Sizes of an instance's volumes in GiB, by device."""
        filters = [{"Name": "attachment.instance-id", "Values": [instance]}]
        volumes = self.client.describe_volumes(Filters=filters)["Volumes"]
        return {volume["Attachments"][0]["Device"]: volume["Size"] for volume in volumes}


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    complete_ec2()
    with moto_server() as endpoint:
        places = {
            "ec2_vm_access_key:": f"ec2_vm_endpoint: {endpoint}\nec2_vm_access_key:",
            "regions: [eu-central-1]": f"regions: [eu-central-1]\nendpoint_url: {endpoint}",
            '"136693071363"': "self",
        }
        secrets = {
            "vault_aws_access_key": "the-access-key",
            "vault_aws_secret_key": SECRET,
            "vault_ssh_public_key": KEY,
        }
        home = tmp_path_factory.mktemp("region")
        controller = Controller(home, "aws", secrets, places | {KNOWN_HOSTS: str(home / "known_hosts")})
        made = Region(endpoint, controller)
        for day in (1, 2):
            made.client.register_image(
                Name=f"debian-13-amd64-2026110{day}", RootDeviceName="/dev/sda1", Architecture="x86_64"
            )
        network = made.client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for number, (name, zone) in enumerate({"production-a": "a", "production-b": "b"}.items()):
            made.client.create_subnet(
                VpcId=network,
                CidrBlock=f"10.0.{number}.0/24",
                AvailabilityZone=f"{REGION}{zone}",
                TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": name}]}],
            )
        yield made
