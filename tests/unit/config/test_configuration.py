"""The inventory is validated by one schema; each refusal names group, key and remedy."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.unit.world import inventory_json

from drillbook.ansible.vault import sealed
from drillbook.config import Inventory, configuration, read_inventory
from drillbook.config.docs import CONFIGURATION_PAGE, SCHEMA_FILE, configuration_page, schema
from drillbook.errors import ConfigurationError
from drillbook.model import SshOptions
from drillbook.process import Completed

ROOT = Path(__file__).resolve().parents[3]
PROXMOX = {
    "name": "lab",
    "kind": "proxmox",
    "host": "pve1.example.org",
    "tokens_directory": "/etc/drillbook/tokens",
    "drill": {
        "first_vmid": 9000,
        "last_vmid": 9003,
        "pool": "drill",
        "node": "pve1",
        "storage": "scratch",
        "bridge": "vmbr9",
        "backup_storage": "backups-reader",
    },
}
IMAGE = {"image": "ami-1", "public_key_file": "/k.pub"}
Spoil = Callable[[dict[str, Any]], object]


def everywhere(data: dict[str, Any]) -> dict[str, Any]:
    return data["all"]["vars"]  # type: ignore[no-any-return] # the test's own JSON


def service(data: dict[str, Any]) -> dict[str, Any]:
    return data["postgresql_main"]["vars"]["drillbook_service"]  # type: ignore[no-any-return] # the test's own JSON


def first_drill(data: dict[str, Any]) -> dict[str, Any]:
    return data["postgresql_main"]["vars"]["drillbook_drills"][0]  # type: ignore[no-any-return] # the test's own JSON


def test_good_inventory(tmp_path: Path) -> None:
    found = configuration(Inventory.parse(inventory_json(tmp_path)))
    assert [drill.name for drill in found.drills] == ["main-latest"]
    assert found.service("main").hosts == ("db1", "db2")
    assert found.digest == configuration(Inventory.parse(inventory_json(tmp_path))).digest


def ec2(**more: Any) -> dict[str, Any]:
    """A provider of that kind, under the name that the sandbox host has for its own."""
    drill = {"subnet": "subnet-1", "security_group": "sg-1", "instance_type": "t3.small", "instance_profile": "drill"}
    return {"name": "lab", "kind": "ec2", "region": "eu-central-1", "drill": {**drill, **more}}


CASES: dict[str, tuple[Spoil, str, str]] = {
    "anchor of nobody": (
        lambda data: everywhere(data)["drillbook_evidence"].update(anchored=True, anchor_prefix="/"),
        "give anchor_prefix, one for each controller",
        "key drillbook_evidence",
    ),
    "plain http to a cloud": (
        lambda data: everywhere(data).update(drillbook_providers=[{**ec2(), "endpoint": "http://cloud.example.org"}]),
        "String should match pattern '^(https://",
        "drillbook_providers[lab].endpoint",
    ),
    "unknown key at the top": (
        lambda data: everywhere(data).update(drillbook_stat="x"),
        "unknown key",
        "key drillbook_stat",
    ),
    "unknown key inside": (lambda data: service(data).update(colour="x"), "unknown key", "drillbook_service.colour"),
    "key of another kind": (
        lambda data: service(data).update(backup_interval_seconds=60),
        "a key of the kind machines, not of postgresql",
        "drillbook_service.backup_interval_seconds",
    ),
    "unknown kind": (
        lambda data: service(data).update(kind="redis"),
        "does not match any of the expected tags: 'postgresql', 'machines'",
        "key drillbook_service",
    ),
    "no kind": (lambda data: service(data).pop("kind"), "Unable to extract tag", "key drillbook_service"),
    "repository of the kind": (
        lambda data: everywhere(data)["drillbook_object_store"].pop("repositories"),
        "no repository 'pgbackrest'",
        "group_vars of postgresql_main, key drillbook_service.kind",
    ),
    "machines that are not declared": (
        lambda data: (
            service(data).update(kind="machines", objectives={"rto_seconds": 9, "rpo_seconds": 90000}),
            service(data).pop("archive_timeout_seconds"),
            first_drill(data).pop("sandbox"),
        ),
        "the kind machines needs drillbook_machines",
        "drillbook_service",
    ),
    "global key in a group": (
        lambda data: data["postgresql"].update(vars={"drillbook_run_deadline_seconds": 3}),
        "unknown key",
        "group_vars of postgresql",
    ),
    "template": (
        lambda data: everywhere(data).update(drillbook_state_directory="{{ lab_state }}/x"),
        "is a template",
        "group_vars of all, key drillbook_state_directory",
    ),
    "template inside": (
        lambda data: first_drill(data).update(sandbox="{% if x %}"),
        "is a template",
        "drillbook_drills",
    ),
    "vaulted": (
        lambda data: everywhere(data).update(drillbook_state_directory={"__ansible_vault": "..."}),
        "vaulted",
        "drillbook_state_directory",
    ),
    "host variable": (
        lambda data: data["_meta"]["hostvars"]["db1"].update(drillbook_service={}),
        "written for a host",
        "host db1",
    ),
    "missing": (lambda data: everywhere(data).pop("drillbook_evidence"), "Field required", "drillbook_evidence"),
    "seconds without end": (
        lambda data: everywhere(data).update(drillbook_run_deadline_seconds=float("inf")),
        "finite number",
        "drillbook_run_deadline_seconds",
    ),
    "relative path": (
        lambda data: everywhere(data).update(drillbook_state_directory="state"),
        "not an absolute path",
        "group_vars of all",
    ),
    "plain http": (
        lambda data: everywhere(data)["drillbook_object_store"].update(endpoint="http://x"),
        "should match pattern",
        "endpoint",
    ),
    "objective that can't be met": (
        lambda data: service(data)["objectives"].update(rpo_seconds=31),
        "can't be met",
        "drillbook_service",
    ),
    "sandbox unknown": (
        lambda data: first_drill(data).update(sandbox="db9"),
        "not in the group sandbox",
        "main-latest",
    ),
    "sandbox is production": (
        lambda data: data["sandbox"]["hosts"].append("db1") or first_drill(data).update(sandbox="db1"),
        "also stands in postgresql, postgresql_main",
        "main-latest",
    ),
    "sandbox that nobody makes": (
        lambda data: everywhere(data).update(drillbook_sandboxes=[]),
        "no provider is declared for the sandbox host sandbox1",
        "main-latest",
    ),
    "sandbox of an unknown provider": (
        lambda data: everywhere(data)["drillbook_sandboxes"][0].update(provider="nowhere"),
        "there is no provider 'nowhere'",
        "drillbook_sandboxes, host sandbox1",
    ),
    "sandbox of EC2 without an image": (
        lambda data: everywhere(data).update(drillbook_providers=[ec2()]),
        "`drill.sandboxes` says nothing about them",
        "drillbook_sandboxes, host sandbox1",
    ),
    "sandbox of EC2 without a range": (
        lambda data: everywhere(data).update(drillbook_providers=[{**ec2(), "drill": None}]),
        "it has no range for drills",
        "drillbook_sandboxes, host sandbox1",
    ),
    "sandbox of EC2 with a template for ssh": (
        lambda data: (
            everywhere(data).update(drillbook_providers=[ec2(sandboxes=IMAGE)]),
            data["sandbox"].update(vars={"ansible_ssh_common_args": "-J {{ jump }}"}),
        ),
        "ansible_ssh_common_args of sandbox1 is a template",
        "key ansible_ssh_common_args",
    ),
    "sandbox of EC2 with something else for ssh": (
        lambda data: (
            everywhere(data).update(drillbook_providers=[ec2(sandboxes=IMAGE)]),
            data["sandbox"].update(vars={"ansible_ssh_private_key_file": ["/k"]}),
        ),
        "ansible_ssh_private_key_file of sandbox1 is no text",
        "key ansible_ssh_private_key_file",
    ),
    "sandbox without a range": (
        lambda data: everywhere(data)["drillbook_providers"][0].pop("drill"),
        "it has no range for drills",
        "drillbook_sandboxes, host sandbox1",
    ),
    "sandbox of a provider without a template": (
        lambda data: everywhere(data).update(drillbook_providers=[PROXMOX]),
        "`drill.sandboxes` says nothing about them",
        "drillbook_sandboxes, host sandbox1",
    ),
    "declared sandbox in no such group": (
        lambda data: everywhere(data)["drillbook_sandboxes"].append({"host": "db1", "provider": "lab"}),
        "not in the group sandbox",
        "drillbook_sandboxes, host db1",
    ),
    "declared sandbox in production, too": (
        lambda data: (
            data["sandbox"]["hosts"].append("db1")
            or everywhere(data)["drillbook_sandboxes"].append({"host": "db1", "provider": "lab"})
        ),
        "also stands in postgresql, postgresql_main",
        "drillbook_sandboxes, host db1",
    ),
    "sandbox of two providers": (
        lambda data: everywhere(data)["drillbook_sandboxes"].append({"host": "sandbox1", "provider": "lab"}),
        "also declared",
        "drillbook_sandboxes.host",
    ),
    "twins": (
        lambda data: data["postgresql_main"]["vars"]["drillbook_drills"].append(first_drill(data)),
        "also declared",
        "drillbook_drills.name",
    ),
    "time without target": (
        lambda data: first_drill(data).update(point={"type": "time"}),
        "needs a target",
        "group_vars of postgresql_main, key drillbook_drills, drill main-latest",
    ),
    "no hosts": (lambda data: data["postgresql_main"].update(hosts=[]), "no hosts", "drillbook_service"),
    "escrow that burns too": (
        lambda data: everywhere(data).update(
            drillbook_escrow=[{"name": "ca", "host": "db1", "source": "/a", "copy_file": "/b"}]
        ),
        "burns with main",
        "drillbook_escrow",
    ),
    "escrow that burns too, by its address": (
        lambda data: (
            data["_meta"]["hostvars"].update(db1={"ansible_host": "192.0.2.11"}),
            everywhere(data).update(
                drillbook_escrow=[{"name": "ca", "host": "192.0.2.11", "source": "/a", "copy_file": "/b"}]
            ),
        ),
        "burns with main",
        "drillbook_escrow",
    ),
    "escrow without anything to compare": (
        lambda data: everywhere(data).update(drillbook_escrow=[{"name": "ca", "host": "safe", "copy_file": "/b"}]),
        "give source or sha256",
        "drillbook_escrow",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refusals_name_group_key_and_remedy(tmp_path: Path, case: str) -> None:
    spoil, message, where = CASES[case]
    data = inventory_json(tmp_path)
    spoil(data)
    with pytest.raises(ConfigurationError) as caught:
        configuration(Inventory.parse(data))
    assert message in caught.value.message
    assert where in caught.value.where
    assert caught.value.remedy


def test_a_sandbox_host_knows_the_way_that_the_inventory_says(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    everywhere(data).update(drillbook_providers=[ec2(sandboxes=IMAGE)], ansible_ssh_common_args="-J everywhere")
    data["sandbox"]["vars"] = {"ansible_ssh_common_args": "-J jump", "ansible_port": 2222}
    data["_meta"]["hostvars"]["sandbox1"] = {"ansible_private_key_file": "~/key", "ansible_ssh_extra_args": "-4"}
    (sandbox,) = configuration(Inventory.parse(data)).sandboxes
    assert sandbox.ssh == SshOptions("2222", "~/key", "", "-J jump", "-4")
    assert sandbox.address == ""


def test_a_sandbox_host_is_no_address_of_production(tmp_path: Path) -> None:
    """On EC2 it has none before it is made, and an address that is not known leaves a drill of machines unproven."""
    addresses = configuration(Inventory.parse(inventory_json(tmp_path))).addresses
    assert "db1" in addresses
    assert "sandbox1" not in addresses


def test_what_only_ansible_uses_may_be_a_template(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    data["sandbox"]["vars"] = {"ansible_ssh_args": "-J {{ jump }}"}
    (sandbox,) = configuration(Inventory.parse(data)).sandboxes
    assert sandbox.ssh == SshOptions(args="-J {{ jump }}")


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    found = configuration(Inventory.parse(inventory_json(tmp_path)))
    with pytest.raises(ConfigurationError, match="Known: main-latest"):
        found.drill("nope")


def test_real_ansible_inventory_is_read(tmp_path: Path) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    data = inventory_json(tmp_path)
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_text(json.dumps(data["all"]["vars"]))
    (tmp_path / "group_vars/postgresql_main.yml").write_text(json.dumps(data["postgresql_main"]["vars"]))
    (tmp_path / "hosts.yml").write_text(
        json.dumps(
            {
                "all": {
                    "children": {
                        "postgresql": {"children": {"postgresql_main": {"hosts": {"db1": {}, "db2": {}}}}},
                        "sandbox": {"hosts": {"sandbox1": {}}},
                    }
                }
            }
        )
    )
    assert (
        configuration(read_inventory([tmp_path / "hosts.yml"], root=tmp_path)).service("main").group
        == "postgresql_main"
    )
    with pytest.raises(ConfigurationError, match="does not exist"):
        read_inventory([tmp_path / "none"], root=tmp_path)


@pytest.mark.parametrize("password", [None, "wrong", "absent"])
def test_a_vault_that_can_t_be_opened_is_told_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None
) -> None:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars/all.yml").write_bytes(sealed("a: 1\n", "right"))
    (tmp_path / "hosts.yml").write_text("all: {hosts: {db1: {}}}")
    monkeypatch.delenv("ANSIBLE_VAULT_PASSWORD_FILE", raising=False)
    if password:
        (tmp_path / "wrong").write_text("wrong")
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / password))
    with pytest.raises(ConfigurationError) as caught:
        read_inventory([tmp_path / "hosts.yml"], root=tmp_path)
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in caught.value.remedy
    assert "Correct the inventory" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "shown", "remedy"),
    [
        (
            "[WARNING]: x\n" * 200 + "[ERROR]: the cause\nand more\n[WARNING]: y\n" * 3,
            "failed: the cause\nand more (in",
            "Correct",
        ),
        ("x" * 5000 + "the end", "[...] xxx", "Correct"),
        ("[ERROR]: 'vault_ssh_key' is undefined", "is undefined", "vault.yml in docs/how-to/provision.md"),
    ],
)
def test_of_what_ansible_says_the_cause_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, shown: str, remedy: str
) -> None:
    monkeypatch.setattr("drillbook.process.run", lambda *_given, **_how: Completed(1, "", said))
    (tmp_path / "hosts.yml").touch()
    with pytest.raises(ConfigurationError) as caught:
        read_inventory([tmp_path / "hosts.yml"], root=tmp_path)
    assert shown in str(caught.value)
    assert remedy in caught.value.remedy
    assert len(caught.value.message) < 1300


def test_lab_inventory_is_valid() -> None:
    found = configuration(read_inventory([ROOT / "inventories/lab"], root=ROOT))
    assert "postgresql-latest" in [drill.name for drill in found.drills]


def test_reference_and_json_schema_are_up_to_date() -> None:
    assert (ROOT / CONFIGURATION_PAGE).read_text() == configuration_page(), "run python -m drillbook.config.docs"
    assert json.loads((ROOT / SCHEMA_FILE).read_text()) == schema(), "run python -m drillbook.config.docs"


def test_reference_leaves_no_key_out() -> None:
    tables = set(re.findall(r"(?m)^\| `(\w+)` \|.* \| (.*) \|$", configuration_page()))
    parts = [schema(), *schema()["$defs"].values()]
    keys = {(name, body["description"]) for part in parts for name, body in part.get("properties", {}).items()}
    assert len(keys) > 100
    assert keys == tables


def test_json_schema_accepts_and_refuses_the_same(tmp_path: Path) -> None:
    data = inventory_json(tmp_path)
    variables = {**everywhere(data), **data["postgresql_main"]["vars"], "lab_prefix": "x"}
    jsonschema.validate(variables, schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**variables, "drillbook_stat": 1}, schema())


def test_what_a_new_controller_would_need_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that what is in no escrow can be named."""
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", "/etc/drillbook/vault_password")
    data = inventory_json(tmp_path)
    everywhere(data).update(
        drillbook_providers=[*everywhere(data)["drillbook_providers"], {**PROXMOX, "name": "pve"}],
        ansible_ssh_private_key_file="/etc/drillbook/ssh/id_ed25519",
        certificates_authority_directory="{{ somewhere }}/ca",
    )
    found = {str(one.path): one.name for one in configuration(Inventory.parse(data)).in_use}
    assert found["/etc/drillbook/tokens"] == "credentials of the provider pve"
    assert found["/etc/drillbook/vault_password"] == "vault password"
    assert found["/etc/drillbook/ssh/id_ed25519"] == "ssh key"
    assert {"key that signs the evidence", "credentials of the object store"} <= set(found.values())
    assert "certificate authority" not in found.values(), "where a template leads is not known"
