"""The same drill into a sandbox host of another provider: its guest boots from what the provider was told, and from nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import wanting
from tests.contract.ec2_drills.sandbox_world import SandboxImage
from tests.contract.ec2_drills.world import Ec2DrillWorld
from tests.contract.machine_drills.world import SECRET, TOKEN, USER, documented_grants, documented_roles
from tests.contract.providers.proxmox_sandboxes import HOW_TO
from tests.support import ec2_drills, moto_images
from tests.support.ec2_rights import RIGHTS
from tests.support.guests import Ec2Guests, GuestContainers, ProxmoxGuests, guest_image, guests_of, standing_host
from tests.support.guests.containers import podman_of
from tests.support.moto_server import moto_server
from tests.support.proxmox import ProxmoxServer, add_machine, empty_cluster
from tests.support.proxmox.state import Pool, Storage, Token
from tests.support.proxmox.state import User as Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Drills

    from drillbook.providers.lab.podman import Podman

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NUMBERS = range(9000, 9004)
PATIENT = {"rto_seconds": 600}
"""A guest boots beside all else that this machine does: how fast it comes back is measured elsewhere."""


class Cluster:
    """A Proxmox VE whose guests of the drill range are containers on the lab's networks."""

    def __init__(self, drills: Drills, server: ProxmoxServer, guests: GuestContainers, tokens: Path) -> None:
        self.drills = drills
        self.server = server
        self.guests = guests
        lab = drills.lab
        place = {
            "name": "cluster",
            "kind": "proxmox",
            "host": "127.0.0.1",
            "port": server.port,
            "ca_file": server.ca,
            "tokens_directory": str(tokens),
            "drill": {
                "first_vmid": NUMBERS[0],
                "last_vmid": NUMBERS[-1],
                "pool": "drill",
                "node": "pve1",
                "storage": "scratch",
                "bridge": "vmbr9",
                "sandboxes": {
                    "template": 900,
                    "node": "pve1",
                    "public_key_file": str(lab.state / "ssh/id_ed25519.pub"),
                    "nameserver": lab.address("store1", "sandbox"),
                },
            },
        }
        self.variables: dict[str, Any] = {
            "drillbook_providers": [*lab.variables["drillbook_providers"], place],
            "drillbook_sandboxes": [{"host": "sandbox1", "provider": "cluster"}],
            "host_sandbox1": {"ansible_become": True},
        }


@pytest.fixture(scope="module")
def cluster(drills: Drills, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    lab = drills.lab
    state = empty_cluster(1)
    state.pools["drill"] = Pool("drill")
    state.storages["scratch"] = Storage("scratch", "rbd", "images", shared=True, options={"pool": "scratch"})
    state.users[USER] = Account(tokens={TOKEN: Token(SECRET)})
    add_machine(
        state, 900, "pve1", "scratch", name="debian-13-postgresql", ide2="scratch:vm-900-cloudinit,media=cdrom",
        template=1, net0="virtio=BC:24:11:00:09:00,bridge=vmbr9",
    )  # fmt: skip
    state.roles |= documented_roles(HOW_TO)
    state.grants = documented_grants(HOW_TO)
    tokens = tmp_path_factory.mktemp("tokens")
    (tokens / "drill.json").write_text(json.dumps({"id": f"{USER}!{TOKEN}", "secret": SECRET}), encoding="utf-8")
    (tokens / "drill.json").chmod(0o600)
    networks = {"vmbr0": f"{lab.prefix}-production", "vmbr9": f"{lab.prefix}-sandbox"}
    guests = guests_of(lab, guest_image(lab), networks)
    try:
        with ProxmoxServer(state, ProxmoxGuests(guests, NUMBERS)) as server:
            yield Cluster(drills, server, guests, tokens)
            assert server.control.invalid() == []
    finally:
        guests.remove_all()


def test_postgresql_is_drilled_in_a_clone_on_proxmox(cluster: Cluster) -> None:
    ran = cluster.drills.run(**cluster.variables, **cluster.drills.promising(**PATIENT))
    assert (wanting(ran.record), ran.code) == ([], 0), ran.why()
    (machine,) = ran.record["tracks"][0]["facts"]["machines"]
    assert machine == {"host": "sandbox1", "identifier": "qemu/9000"}
    assert cluster.guests.names() == []
    assert not set(cluster.server.state.guests) & set(NUMBERS)


@pytest.fixture
def region(drills: Drills, tmp_path: Path) -> Iterator[tuple[SandboxImage, GuestContainers]]:
    """A region of EC2 whose isolated subnet is the lab's sandbox network, and its instances there containers."""
    lab = drills.lab
    moto_images.install()
    ec2_drills.install()
    with moto_server() as address:
        world = Ec2DrillWorld(address, tmp_path, lab.variables["lab_subnets"]["sandbox"])
        guests = guests_of(lab, guest_image(lab), {world.subnet: f"{lab.prefix}-sandbox"})
        ec2_drills.DRILLS.bodies = Ec2Guests(guests, world.subnet)
        try:
            yield SandboxImage(world, lab.state / "ssh/id_ed25519"), guests
        finally:
            guests.remove_all()
            ec2_drills.DRILLS.reset()
            RIGHTS.policies.clear()


def test_postgresql_is_drilled_in_an_instance_on_ec2(
    drills: Drills, region: tuple[SandboxImage, GuestContainers]
) -> None:
    image, guests = region
    ran = drills.run(
        drillbook_providers=[*drills.lab.variables["drillbook_providers"], image.place().model_dump(mode="json")],
        drillbook_sandboxes=[{"host": "sandbox1", "provider": "aws"}],
        host_sandbox1={"ansible_become": True},
        **drills.promising(**PATIENT),
    )
    assert (wanting(ran.record), ran.code) == ([], 0), ran.why()
    (machine,) = ran.record["tracks"][0]["facts"]["machines"]
    (asked,) = ec2_drills.DRILLS.of("RunInstances")
    tags = {tag["Key"]: tag["Value"] for tag in asked["TagSpecifications"][0]["Tags"]}
    assert machine == {"host": "sandbox1", "identifier": tags["Name"]}
    assert guests.names() == []
    assert image.region.left() == set()
    assert image.region.production() == image.region.before


@pytest.fixture
def standing(drills: Drills, tmp_path: Path) -> Iterator[tuple[Podman, str, dict[str, Any]]]:
    """A host that the lab does not know, and the variables that lend it to drills."""
    lab = drills.lab
    with standing_host(lab) as host:
        (tmp_path / "known_hosts").write_text(host.known_host, encoding="utf-8")
        pinned = f"-o UserKnownHostsFile={tmp_path}/known_hosts -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes"
        yield (
            podman_of(lab),
            host.container,
            {
                "drillbook_providers": [*lab.variables["drillbook_providers"], {"name": "standing", "kind": "host"}],
                "drillbook_sandboxes": [{"host": "sandbox1", "provider": "standing"}],
                "host_sandbox1": {
                    "ansible_host": host.address,
                    "ansible_user": host.user,
                    "ansible_become": True,
                    "ansible_become_password": host.password,
                    "ansible_ssh_common_args": pinned,
                },
            },
        )


def test_postgresql_is_drilled_in_a_standing_host(drills: Drills, standing: tuple[Podman, str, dict[str, Any]]) -> None:
    podman, name, variables = standing
    look = "find /var/lib/postgresql /var/lib/etcd /etc/drillbook /etc/patroni /etc/pgbackrest* /home -type f | sort; ss -Hltn | sort"
    before = podman.attempt("exec", name, "sh", "-c", look).stdout
    for _again in range(2):
        ran = drills.run(**variables, **drills.promising(**PATIENT))
        assert (wanting(ran.record), ran.code) == ([], 0), ran.why()
        assert ran.record["tracks"][0]["facts"]["machines"] == [{"host": "sandbox1", "identifier": "sandbox1"}]
        after = podman.attempt("exec", name, "sh", "-c", look).stdout
        assert set(after.splitlines()) ^ set(before.splitlines()) == set()
    occupied = "install -D /dev/null /var/lib/postgresql/theirs/rows"
    podman.call("exec", name, "sh", "-c", occupied, where=name)
    ran = drills.run(**variables)
    assert ran.code == 2
    assert "sandbox1 is not free: /var/lib/postgresql holds data: /var/lib/postgresql/theirs/rows" in ran.why()
    podman.call("exec", name, "test", "-e", "/var/lib/postgresql/theirs/rows", where=name)
