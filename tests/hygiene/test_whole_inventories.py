"""Each inventory that can be a model is whole: roles get what they need, drillbook has no fault to find, and each drill has a plan."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.hygiene.conftest import ROLES, ROOT
from tests.hygiene.entry_points import COLLECTION
from tests.hygiene.hollow import asked_of_variables, ended, hollow_tree, started

from drillbook.app import inventory_at
from drillbook.config import configuration, examine
from drillbook.initial import MODELS, Differences, Wanted, make
from drillbook.initial.secrets import GIVEN
from drillbook.model import PointRequest
from drillbook.run.plan import plan_drill
from drillbook.run.plan_in_place import plan_in_place

if TYPE_CHECKING:
    from collections.abc import Iterator

INVENTORIES = ROOT / "inventories"
PROVISIONED = {"aws", "proxmox"}
# What an operator fills in, and the address that a provider gives a sandbox host.
FILLED_IN = dict.fromkeys(GIVEN, "filled in")
DRILL = {
    "restore_kind": "postgresql",
    "restore_service": "main",
    "restore_target": "sandbox1",
    "restore_mode": "sandbox",
}
ADDRESS_OF_A_SANDBOX = {"sandbox": {"hosts": {"sandbox1": {"ansible_host": "203.0.113.51"}}}}
# What is taken out of a copy of the example, where it is then missed, and what must be said.
POSTGRESQL = ("playbooks/postgresql/site.yml", "db1")
PLANTED = {
    "a required variable": ("group_vars/pgbouncer/pgbouncer.yml", r"^pgbouncer_auth_password: .*\n", POSTGRESQL, "pgbouncer_auth_password"),
    "a vaulted variable": ("group_vars/pgbouncer/pgbouncer.yml", "vault_pgbouncer", POSTGRESQL, "'vault_nobody' is undefined"),
    "what a preflight asks": ("group_vars/postgresql/pgbackrest.yml", r"^pgbackrest_s3_key: .*\n", POSTGRESQL, "pgbackrest_s3_key is defined"),
    "an opening": ("group_vars/etcd/host_baseline.yml", r"^(?s:.*)", ("playbooks/baseline.yml", "etcd1"), "host_baseline_firewall_only_ssh"),
}  # fmt: skip


def initial(directory: Path, model: str) -> Path:
    """What `drillbook init` makes of a model, without the half that asks a provider."""
    make(Wanted(model, Differences(directory, directory / "state")), INVENTORIES)
    for asking in (*directory.glob("inventory/*.proxmox.yml"), *directory.glob("inventory/*.aws_ec2.yml")):
        asking.unlink()
    return directory


def without(directory: Path, file: str, pattern: str) -> Path:
    """A copy of the example that lacks something; a host of etcd alone has no other opening."""
    made = initial(directory, "example")
    path = made / "inventory" / file
    changed, count = re.subn(
        pattern, "vault_nobody" if "vault" in pattern else "", path.read_text(), count=1, flags=re.MULTILINE
    )
    assert count, f"{file} has not what is to be taken out"
    path.write_text(changed)
    (made / "inventory/more.yml").write_text(
        yaml.safe_dump({"etcd": {"hosts": {"etcd1": {"ansible_host": "192.0.2.14"}}}})
    )
    return made


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By model."""
    return {model: initial(tmp_path_factory.mktemp(model) / "made", model) for model in MODELS}


@pytest.fixture(scope="module")
def outcomes(
    directories: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[int, str]]]:
    """Exit status and output by model, and by what was planted: all side by side."""
    home = hollow_tree(tmp_path_factory.mktemp("hollow"))
    running = {}
    for model, directory in directories.items():
        (directory / "inventory/zz_made.yml").write_text(yaml.safe_dump(ADDRESS_OF_A_SANDBOX))
        provision = ["playbooks/provision.yml"] if model in PROVISIONED else []
        playbooks = ["playbooks/site.yml", "playbooks/restore.yml", *provision]
        running[model] = started(home, directory, *playbooks, variables={**FILLED_IN, **DRILL})
    for what, (file, pattern, (playbook, limit), _) in PLANTED.items():
        made = without(tmp_path_factory.mktemp("planted") / "made", file, pattern)
        running[what] = started(home, made, playbook, variables=FILLED_IN, limit=limit)
    return {name: ended(process) for name, process in running.items()}


def test_each_inventory_but_the_labs_is_a_model() -> None:
    assert set(MODELS) == {path.name for path in INVENTORIES.iterdir() if path.is_dir()} - {"lab"}


@pytest.mark.parametrize("model", MODELS)
def test_every_role_gets_what_it_needs_and_a_drill_takes_its_first_step(
    model: str, outcomes: dict[str, tuple[int, str]]
) -> None:
    status, output = outcomes[model]
    assert status == 0, output[-3000:]
    said = set(re.findall(rf"TASK \[{re.escape(COLLECTION)}(\w+) : Validating arguments", output))
    missing = {
        "host_baseline",
        "certificates",
        "etcd",
        "postgresql",
        "pgbouncer",
        "pgbackrest",
        "haproxy",
        "backup_agent",
        "isolation",
    }
    assert not missing - said, "a role was not looked at"
    assert re.search(r"sandbox1 : ok=[1-9]", output)


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_missing_is_found(what: str, outcomes: dict[str, tuple[int, str]]) -> None:
    status, output = outcomes[what]
    assert status == 2
    assert PLANTED[what][3] in output


def test_preflights_are_asked() -> None:
    """Each role of the platform but those that look at hosts alone has something to say of its variables."""
    silent = {role.name for role in ROLES if not role.name.startswith("lab_") and not asked_of_variables(role)}
    assert silent == {"packages"}


@pytest.mark.parametrize("model", MODELS)
def test_drillbook_has_no_fault_to_find_and_each_drill_has_a_plan(
    model: str, directories: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(directories[model] / "vault_password"))
    read = inventory_at([directories[model] / "inventory"])
    assert examine(read).faults == ()
    found = configuration(read)
    plans = [plan_drill(found, drill) for drill in found.drills]
    assert {"postgresql-latest", "postgresql-oldest"} <= {plan.name for plan in plans}
    assert all(track.steps for plan in plans for track in plan.tracks)
    assert {sandbox.host for sandbox in found.sandboxes} == {"sandbox1"}


@pytest.mark.parametrize("model", MODELS)
def test_the_controller_needs_no_root(model: str) -> None:
    """What Ansible does on the controller, the authority's part for one, is done by whoever runs it."""
    said = yaml.safe_load((INVENTORIES / model / "host_vars/localhost.yml").read_text(encoding="utf-8"))
    assert said == {"ansible_become": False}


@pytest.mark.parametrize("model", MODELS)
def test_a_new_controller_finds_where_its_anchor_is_named(model: str, tmp_path: Path) -> None:
    """Step 4 of the runbook, on what `drillbook init` made."""
    page = (ROOT / "docs/runbooks/lost-controller.md").read_text()
    (step,) = (found for found in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "sed" in found)
    made = initial(tmp_path / "made", model)
    subprocess.run(["/bin/sh", "-euc", step.replace("/etc/drillbook", str(made))], check=True, timeout=30)
    assert "anchor_prefix: controller2/" in (made / "inventory/group_vars/all/drillbook.yml").read_text()


def test_a_control_on_proxmox_lies_in_the_subnet_of_each_machine_that_drills_copy() -> None:
    """A copy keeps its address of production, and the gateway of that is not on the isolated bridge."""
    variables = yaml.safe_load((INVENTORIES / "proxmox/group_vars/all/drillbook.yml").read_text(encoding="utf-8"))
    (place,) = variables["drillbook_providers"]
    hosts = yaml.safe_load((INVENTORIES / "proxmox/hosts.yml").read_text(encoding="utf-8"))["all"]["hosts"]
    control = place["drill"].get("control")
    copied = {name: host for name, host in hosts.items() if name.startswith("shop-")}
    assert copied
    for host in copied.values() if control else ():
        (card,) = host["proxmox_vm_networks"]
        network = ipaddress.ip_interface(card["address"].replace("{{ ansible_host }}", host["ansible_host"])).network
        assert ipaddress.ip_address(control.partition(":")[0]) in network


def test_the_commands_of_the_runbook_fit_the_inventory_beside_it(
    directories: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service and its group may have two names; each command takes one of them."""
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(directories["proxmox"] / "vault_password"))
    found = configuration(inventory_at([directories["proxmox"] / "inventory"]))
    page = (ROOT / "docs/runbooks/restore-machines-in-place.md").read_text()
    restores = re.findall(r"drillbook restore (\S+) --in-place --confirm (\S+)", page)
    groups = re.findall(r"drillbook (?:backup|snapshot) \w+ ([\w-]+)`", page)
    assert restores
    assert groups
    for service, group in restores:
        plan = plan_in_place(found, found.service(service), confirm=group, point=PointRequest())
        assert plan.tracks[0].steps
    for group in groups:
        assert found.machine_group(group).hosts
    assert [found.service(name).name for name in re.findall(r"drillbook recovery-points (\w+)", page)]
