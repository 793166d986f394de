"""`drillbook init`: a directory that works at once, whose secrets are new, closed to others, and never shown."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from drillbook.cli import main
from drillbook.initial.secrets import GIVEN, names_in, new_value

ROOT = Path(__file__).resolve().parents[3]
VAULT = "inventory/group_vars/all/vault.yml"


class Called:
    """What a call left."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Calls the program with arguments."""

    def called(*arguments: object) -> Called:
        monkeypatch.setattr(sys, "argv", ["drillbook", "init", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return Called(int(caught.value.code or 0), out, err)

    return called


def opened(directory: Path) -> dict[str, str]:
    """What the vaulted file holds."""
    password = (directory / "vault_password").read_bytes().strip()
    text = VaultLib([("default", VaultSecret(password))]).decrypt((directory / VAULT).read_bytes())
    found: dict[str, str] = yaml.safe_load(text.replace(b"!unsafe ", b""))
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_others_read_nothing_and_nothing_secret_is_shown(tmp_path: Path, call: Any) -> None:
    before = os.umask(0)
    try:
        done = call(tmp_path / "made")
    finally:
        os.umask(before)
    made = tmp_path / "made"
    assert (done.code, done.err) == (0, "")
    assert {mode(made), mode(made / "object_store")} == {0o700}
    assert {mode(made / name) for name in (VAULT, "vault_password", "evidence.pem", "ssh/id_ed25519")} == {0o600}
    assert not [path for path in made.rglob("*") if mode(path) & 0o022]
    secret = {*opened(made).values(), (made / "vault_password").read_text().strip()} - {""}
    assert len(secret) == len(opened(made))
    assert not [value for value in secret if value in done.out]
    lines = done.out.splitlines()
    assert [line[:2] for line in lines[1:]] == ["1.", "2.", "3.", "4.", "5.", "6."]
    assert "vault_become_password" in lines[3]


def test_as_json(tmp_path: Path, call: Any) -> None:
    said = json.loads(call(tmp_path / "made", "--json").out)
    assert said["empty"] == ["vault_become_password"]
    assert set(said["files"]) == {
        str(path.relative_to(tmp_path / "made")) for path in (tmp_path / "made").rglob("*") if path.is_file()
    }


def test_each_time_the_secrets_are_others(tmp_path: Path, call: Any) -> None:
    for name in ("one", "two"):
        call(tmp_path / name)
    one, other = opened(tmp_path / "one"), opened(tmp_path / "two")
    assert (
        one.keys()
        == other.keys()
        == set(names_in(path.read_text() for path in (ROOT / "inventories/example").rglob("*.yml")))
    )
    assert not [name for name in one if name not in GIVEN and (one[name] == other[name] or len(one[name]) < 32)]
    assert (tmp_path / "one/evidence.pem").read_bytes() != (tmp_path / "two/evidence.pem").read_bytes()


def test_new_machines_accept_the_ssh_key_that_was_made(tmp_path: Path, call: Any) -> None:
    made = tmp_path / "made"
    assert call(made, "--model", "proxmox").code == 0
    private = ["ssh-keygen", "-y", "-P", "", "-f", str(made / "ssh/id_ed25519")]
    told = subprocess.run(private, capture_output=True, text=True, check=True, timeout=30)
    kind, key = told.stdout.split()[:2]
    assert (made / "ssh/id_ed25519.pub").read_text() == f"{kind} {key} drillbook\n"
    assert opened(made)["vault_ssh_public_key"] == f"{kind} {key} drillbook"


def test_a_signing_key_is_a_seed() -> None:
    assert len(bytes.fromhex(new_value("vault_fingerprint_signing_key"))) == 32
    assert new_value("vault_become_password") == ""


def test_one_line_lets_drillbook_and_ansible_find_it(tmp_path: Path, call: Any) -> None:
    (tmp_path / "sudo").write_text("it's {{ not }} a template\n")
    call(tmp_path / "made", "--become-password-file", tmp_path / "sudo")
    told = subprocess.run(
        ["/bin/sh", "-c", f". {tmp_path}/made/environment && echo $DRILLBOOK_INVENTORY && exec ansible-playbook /dev/stdin"],
        input="[{hosts: db1, gather_facts: false, tasks: [{debug: {msg: '{{ ansible_become_password }}'}}]}]",
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert told.stdout.startswith(f"{tmp_path}/made/inventory\n")
    assert "it's {{ not }} a template" in told.stdout


def test_without_a_word_the_files_are_the_models_but_for_paths(tmp_path: Path, call: Any) -> None:
    made = tmp_path / "made"
    call(made, "--state-directory", tmp_path / "state")
    model = ROOT / "inventories/example"
    for path in model.rglob("*.yml"):
        text = (made / "inventory" / path.relative_to(model)).read_text()
        text = text.replace(str(made), "/etc/drillbook").replace(str(tmp_path / "state"), "/var/lib/drillbook")
        text = re.sub(r"controller1-[0-9a-f]{8}/", "controller1/", text)
        assert text == path.read_text()


def test_what_is_said_stands_in_the_files(tmp_path: Path, call: Any) -> None:
    made = tmp_path / "made"
    options = ("--user", "deploy", "--endpoint", "https://store1.example.org:7480", "--region", "eu-1")
    assert call(made, *options, "--address", "db2=198.51.100.12", "--address", "lb1=198.51.100.21").code == 0
    inventory = made / "inventory"
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())["all"]["hosts"]
    assert (hosts["db1"], hosts["db2"], hosts["lb1"]) == (
        {"ansible_host": "192.0.2.11"}, {"ansible_host": "198.51.100.12"}, {"ansible_host": "198.51.100.21"},
    )  # fmt: skip
    assert yaml.safe_load((inventory / "group_vars/all/ansible.yml").read_text())["ansible_user"] == "deploy"
    said = yaml.safe_load((inventory / "group_vars/all/drillbook.yml").read_text())
    store = said["drillbook_object_store"]
    assert (store["endpoint"], store["region"]) == ("https://store1.example.org:7480", "eu-1")
    assert store["credentials_directory"] == str(made / "object_store")


def test_in_another_model_the_dynamic_inventory_reads_the_same_vault(tmp_path: Path, call: Any) -> None:
    assert call(tmp_path / "made", "--model", "proxmox", "--address", "db1=198.51.100.11").code == 0
    inventory = tmp_path / "made/inventory"
    assert f"'{tmp_path}/made/{VAULT}'" in (inventory / "cluster.proxmox.yml").read_text()
    assert (
        yaml.safe_load((inventory / "hosts.yml").read_text())["all"]["hosts"]["db1"]["ansible_host"] == "198.51.100.11"
    )
    # On each host, not on the controller
    assert "/etc/drillbook/tls" in (inventory / "group_vars/all/store.yml").read_text()


@pytest.mark.parametrize("what", ["a file in it", "a file of that name"])
def test_nothing_is_overwritten(tmp_path: Path, call: Any, what: str) -> None:
    made = tmp_path / "made"
    if what == "a file in it":
        made.mkdir()
        (made / "notes").write_text("mine")
    else:
        made.write_text("mine")
    done = call(made)
    assert done.code == 2
    assert f"(in {made})" in done.err
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]


def test_an_empty_directory_is_taken_and_closed(tmp_path: Path, call: Any) -> None:
    (tmp_path / "made").mkdir(mode=0o755)
    assert call(tmp_path / "made").code == 0
    assert mode(tmp_path / "made") == 0o700


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--address", "db9=192.0.2.19"), "'db9'"),
        (("--address", "db1=db1.example.org"), "no host with an IPv4 address"),
        (("--address", "db1"), "no host with an IPv4 address"),
        (("--user", "a b"), "'a b' can't be used (in --user)"),
        (("--endpoint", "http://store.example.org"), "(in --endpoint)"),
        (("--region", "eu 1"), "(in --region)"),
        (("--model", "lab"), "Name one of: example, proxmox, aws."),
        (("--become-password-file", "missing"), "can't be read: No such file"),
        (("--become-password-file", "empty"), "there is no password in it"),
        (("--state-directory", "here and there"), "letters, digits"),
        (("--model", "aws", "--endpoint", "https://s3.example.org", "--address", "sandbox1=192.0.2.1"), "'sandbox1'"),
    ],
    ids=str,
)
def test_what_can_not_be_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Any, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    done = call(tmp_path / "made", *options)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert not (tmp_path / "made").exists()


def test_each_controller_has_a_place_of_its_own_in_the_anchor(tmp_path: Path, call: Any) -> None:
    """Two that share one overwrite each other's entries, and the log seems to be forged."""
    said = set()
    for name in ("one", "two"):
        call(tmp_path / name)
        text = (tmp_path / name / "inventory/group_vars/all/drillbook.yml").read_text(encoding="utf-8")
        said.add(yaml.safe_load(text)["drillbook_evidence"]["anchor_prefix"])
    assert len(said) == 2
    assert all(prefix.startswith("controller1-") and prefix.endswith("/") for prefix in said)
