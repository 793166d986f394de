"""playbooks/provision.yml on Proxmox VE: what is declared is made, what differs is corrected, and the rest is refused untouched."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.provisioning.conftest import HOST_KEY, KEY, SECRET
from tests.contract.provisioning.refusals import REFUSALS
from tests.support.proxmox.state import GIBIBYTE

if TYPE_CHECKING:
    from tests.contract.provisioning.conftest import Cluster
    from tests.contract.provisioning.controller import Done

DATABASES = "--limit=db1,db2"
ONE = "--limit=db1"
# The test servers' machines have no system inside that could answer.
ANSWERS = {"ansible_connection": "local"}
ADOPTED = {"provision_adopt": "db1"}


@dataclass
class Made:
    """A dry run on a cluster without machines, a run, and one more."""

    cluster: Cluster
    dry: Done
    guests_after_dry: set[int]
    first: Done
    second: Done
    asked_again: list[dict[str, Any]]


@pytest.fixture(scope="module")
def made(cluster: Cluster) -> Made:
    provision = cluster.controller.provision
    dry = provision(DATABASES, "--check", "--diff")
    guests = set(cluster.server.state.guests)
    assert not cluster.known_hosts.exists()
    assert cluster.server.control.served(path="/agent/file-read") == []
    first = provision(DATABASES, variables=ANSWERS)
    cluster.server.control.forget_served()
    second = provision(DATABASES, "--diff")
    return Made(cluster, dry, guests, first, second, cluster.server.control.served(path="/agent/file-read"))


def test_a_dry_run_shows_the_machine_and_makes_none(made: Made) -> None:
    assert made.dry.status == 0, made.dry.output
    assert made.dry.changed() == {"db1": 2, "db2": 2}
    assert {"+vmid: 101", "+template: debian-13", "+memory: 8192", "+scsi1: 100 GiB", "+  tag: 110"} <= set(
        made.dry.output.splitlines()
    )
    assert made.guests_after_dry == {500, 900, 901}


def test_machines_are_as_declared(made: Made) -> None:
    assert made.first.status == 0, made.first.output
    assert "TASK [Wait until the machine answers]" in made.first.output
    config = made.cluster.config(101)
    assert config["name"] == "db1"
    assert (config["cores"], str(config["memory"]), config["onboot"]) == (4, "8192", 1)
    assert config["tags"] == "drillbook;etcd_main;pgbouncer;postgresql_main"
    assert "bridge=vmbr0" in config["net0"]
    assert "tag=110" in config["net0"]
    assert config["ipconfig0"] == "ip=192.0.2.11/24,gw=192.0.2.1"
    assert (config["ciuser"], config["ciupgrade"]) == ("debian", 0)
    assert config["sshkeys"].replace("%20", " ").replace("%40", "@").replace("%2F", "/") == KEY
    assert config["scsi0"].endswith("size=32G")
    assert config["scsi1"].endswith("size=100G")
    assert "cipassword" not in config
    state = made.cluster.server.state
    assert [state.guests[vmid].node for vmid in (101, 102)] == ["pve1", "pve2"]
    assert [state.guests[vmid].status for vmid in (101, 102)] == ["running", "running"]
    assert sorted(state.pools["production"].vms) == [101, 102]


def test_a_second_run_changes_nothing(made: Made) -> None:
    assert made.second.status == 0, made.second.output
    assert "TASK [Wait until the machine answers]" not in made.second.output
    assert made.second.changed() == {"db1": 0, "db2": 0}


def test_new_machines_are_pinned_once(made: Made) -> None:
    """A dry run says so, and asks nobody; so does one that finds them pinned."""
    assert "+192.0.2.11 <its own key>" in made.dry.output.splitlines()
    pinned = sorted(made.cluster.known_hosts.read_text(encoding="utf-8").splitlines())
    assert pinned == [f"192.0.2.11 {HOST_KEY}", f"192.0.2.12 {HOST_KEY}"]
    assert made.cluster.known_hosts.stat().st_mode & 0o777 == 0o600
    assert "ssh does not know" not in made.first.output + made.second.output
    assert made.asked_again == []


def test_what_differs_is_shown_and_corrected(made: Made) -> None:
    """Also on a machine that lost its owner's tag, or never got it: the run takes it over when it is named."""
    config = made.cluster.config(101)
    before = deepcopy(config)
    mac = config["net0"].split(",")[0]
    config |= {
        "cores": 1,
        "memory": "512",
        "tags": "wrong",
        "description": "mine",
        "net0": f"{mac},bridge=vmbr0,tag=7",
        "scsi0": before["scsi0"].replace("size=32G", "size=16G"),
    }
    volumes = made.cluster.server.state.volumes
    next(volume for key, volume in volumes.items() if key.endswith("vm-101-disk-0")).size = 16 * GIBIBYTE
    dry = made.cluster.controller.provision(ONE, "--check", "--diff", variables=ADOPTED)
    assert {"-cores: 1", "+cores: 4", "-memory: 512", "-scsi0: 16 GiB", "+scsi0: 32 GiB", "-  tag: 7"} <= set(
        dry.output.splitlines()
    )
    assert config["cores"] == 1
    done = made.cluster.controller.provision(ONE, variables=ADOPTED)
    assert done.status == 0, done.output
    assert made.cluster.config(101) == before


def test_what_somebody_changes_meanwhile_is_not_written_over(made: Made) -> None:
    """Between the role's reading and the change, as if another operator were at it; the dynamic inventory reads before that."""
    cluster = made.cluster
    config = cluster.config(101)
    before = deepcopy(config)
    config["cores"] = 1
    control = cluster.server.control
    control.forget_served()
    with ThreadPoolExecutor(1) as operator:
        run = operator.submit(cluster.controller.provision, ONE)
        while len(control.served("GET", "/101/config")) < 2:
            assert not run.done(), run.result().output
            time.sleep(0.02)
        config["description"] = "mine"
        done = run.result()
    found = deepcopy(config)
    config.clear()
    config |= before
    assert done.status != 0, done.output
    assert "checksum mismatch (file change by other user?)" in done.sentence()
    assert found == {**before, "cores": 1, "description": "mine"}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_touch_nothing(made: Made, case: str) -> None:
    state = made.cluster.server.state
    guests, members = deepcopy(state.guests), list(state.pools["production"].vms)
    spoil, message = REFUSALS[case]
    variables = spoil(made.cluster)
    expected = deepcopy(state.guests)
    made.cluster.server.control.forget_served()
    done = made.cluster.controller.provision(ONE, variables=variables)
    served = made.cluster.server.control.served()
    found = deepcopy(state.guests)
    state.guests.clear()
    state.guests |= guests
    state.pools["production"].vms[:] = members
    assert done.status != 0, done.output
    assert message in done.sentence(), done.output
    assert found == expected
    assert {request["method"] for request in served} <= {"GET"}


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("qmstart", "start failed: QEMU exited with code 1"),
        ("qmclone", "clone failed: mkdir /srv/ceph/images/111: File exists at /usr/share/perl5/PVE/Storage.pm line 1"),
    ],
)
def test_a_task_that_fails_is_told_at_once_with_its_reason(made: Made, task: str, said: str) -> None:
    """As a real pve-manager ended them: the collection's module waits 600 s then, and shows the first line of the log."""
    state, control = made.cluster.server.state, made.cluster.server.control
    control.faults(fail={task: [said]})
    if task == "qmstart":
        state.guests[101].status = "stopped"
    done = made.cluster.controller.provision(ONE if task == "qmstart" else "--limit=lb1", "-vvv")
    control.repair()
    state.guests[101].status = "running"
    assert done.status != 0
    assert said in done.sentence(), done.output
    assert SECRET not in done.output
    assert 111 not in state.guests


def test_a_node_that_is_away_keeps_nothing_from_the_machines_of_others(made: Made) -> None:
    control = made.cluster.server.control
    control.faults(offline=["pve2"])
    other, own = made.cluster.controller.provision(ONE, "--check"), made.cluster.controller.provision("--limit=db2")
    control.repair()
    assert (other.status, other.changed()) == (0, {"db1": 0}), other.output
    assert own.status != 0
    assert "the node does not answer (596 Connection timed out)" in own.sentence()
    assert "GET /nodes/pve2/qemu/102/config" in own.sentence()


def test_a_number_that_the_token_may_not_see_is_refused_by_the_cluster(made: Made) -> None:
    """bank-db is in no pool of the token's."""
    state = made.cluster.server.state
    before = deepcopy(state.guests)
    variables = made.cluster.controller.inventory / "host_vars"
    (variables / "lb1.yml").write_text("---\nproxmox_vm_vmid: 500\n", encoding="utf-8")
    done = made.cluster.controller.provision("--limit=lb1")
    (variables / "lb1.yml").unlink()
    assert done.status != 0
    assert "config file already exists" in done.sentence()
    assert state.guests == before


def test_a_machine_goes_when_it_is_named_twice_and_ours(made: Made) -> None:
    inventory = made.cluster.controller.inventory
    (inventory / "host_vars/db2.yml").write_text("---\nproxmox_vm_state: absent\n", encoding="utf-8")
    named = {"provision_destroy": "db2"}
    dry = made.cluster.controller.provision(DATABASES, "--check", variables=named)
    assert dry.changed() == {"db1": 0, "db2": 1}, dry.output
    assert 102 in made.cluster.server.state.guests
    done = made.cluster.controller.provision(DATABASES, variables=named)
    assert done.status == 0, done.output
    assert set(made.cluster.server.state.guests) == {101, 500, 900, 901}
    assert not [key for key in made.cluster.server.state.volumes if "vm-102-" in key]
    assert [key for key in made.cluster.server.state.volumes if "vm-500-" in key]


def test_a_refused_token_is_said_and_its_secret_is_not(made: Made) -> None:
    wrong = f"{SECRET}-wrong"
    (made.cluster.controller.inventory / "cluster.proxmox.yml").unlink()  # it would be refused before
    made.cluster.controller.seal({"vault_proxmox_token_secret": wrong, "vault_ssh_public_key": KEY})
    done = made.cluster.controller.provision(ONE, "-vvv")
    assert done.status != 0
    assert "does not answer to the token drillbook@pve!provision" in done.sentence()
    assert "Proxmox VE does not accept the token" in done.sentence()
    assert SECRET not in done.output


def test_a_certificate_of_an_unknown_authority_is_refused(made: Made) -> None:
    done = made.cluster.controller.provision(
        ONE, variables={"proxmox_vm_ca_file": "/etc/ssl/certs/ca-certificates.crt"}
    )
    assert done.status != 0
    assert "the certificate of Proxmox VE is not trusted" in done.sentence()
