"""docs/how-to/escrow.md and docs/runbooks/lost-controller.md, carried out on the fake kind: escrow made, controller lost, service restored.

`ssh` is a program that runs its command on this machine, where a folder stands for the escrow's host. Everything else is real.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.support.fake_kind.world import GROUP, HOSTS, NEWER, ROOT, SERVICE

from drillbook.model import format_instant

if TYPE_CHECKING:
    from tests.support.fake_kind.world import FakeWorld

HOW_TO = ROOT / "docs/how-to/escrow.md"
RUNBOOK = ROOT / "docs/runbooks/lost-controller.md"
PASSWORD = "a vault's password"
KEPT = {
    "vault_password": PASSWORD,
    "ssh/id_ed25519": "the key that reaches the hosts",
    "object_store/repository_reader.json": '{"access_key": "a", "secret_key": "s"}',
    "ca/ca.key": "the authority's key",
    "proxmox/recovery.json": '{"id": "i", "secret": "s"}',
}


def blocks(page: Path, language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return "".join(found)


@dataclass
class Controller:
    """A controller whose /etc/drillbook is ``etc``, and the escrow's host, whose /srv/escrow is ``keeper``."""

    world: FakeWorld
    etc: Path
    keeper: Path
    programs: Path

    def translate(self, text: str) -> str:
        """A page's text with this test's places and names."""
        pairs = {
            "/etc/drillbook": str(self.etc),
            "/srv/escrow": str(self.keeper),
            "recovery-points main": f"recovery-points {SERVICE}",
            "restore main": f"restore {SERVICE}",
            "postgresql_main": GROUP,
            "2026-01-31T12:00:00Z": format_instant(datetime.now(UTC)),
        }
        for said, here in pairs.items():
            text = text.replace(said, here)
        return text

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("DRILLBOOK", "ANSIBLE"))}
        environment |= {
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}/scripts:{ROOT}",
        }
        return subprocess.run(
            ["/bin/sh", "-c", self.translate(script)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def set_up(self) -> None:
        """Lay out what the how-to names; the repository's place stands in the vaulted file, as a passphrase would."""
        for name, content in KEPT.items():
            path = self.etc / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            path.chmod(0o600)
        everything = self.world.inventory()
        evidence = {
            **everything["vars"].pop("drillbook_evidence"),
            "signing_key_file": str(self.etc / "evidence.pem"),
            "anchor_prefix": "log/",
        }
        everything["vars"]["drillbook_object_store"]["credentials_directory"] = str(self.etc / "object_store")
        everything["children"][GROUP]["vars"]["fake_repository"] = "{{ vault_fake_repository }}"
        inventory = self.etc / "inventory"
        group_vars = inventory / "group_vars/all"
        group_vars.mkdir(parents=True)
        (inventory / "hosts.yml").write_text(json.dumps({"all": everything}), encoding="utf-8")
        escrow: dict[str, Any] = yaml.safe_load(self.translate(blocks(HOW_TO, "yaml")))
        (group_vars / "drillbook.yml").write_text(
            yaml.safe_dump({"drillbook_evidence": evidence, **escrow}), encoding="utf-8"
        )
        vault = group_vars / "vault.yml"
        vault.write_text(json.dumps({"vault_fake_repository": str(self.world.repository)}), encoding="utf-8")
        done = self.sh(f"ansible-vault encrypt --vault-password-file {self.etc}/vault_password {vault}")
        assert done.returncode == 0, done.stderr

    def drillbook(self, arguments: str) -> subprocess.CompletedProcess[str]:
        return self.sh(
            "export DRILLBOOK_INVENTORY=/etc/drillbook/inventory ANSIBLE_VAULT_PASSWORD_FILE=/etc/drillbook/vault_password; "
            f"drillbook {arguments}"
        )

    def make_escrow(self) -> None:
        """The how-to's first command."""
        script = blocks(HOW_TO, "sh").replace("drillbook escrow check\n", "")
        done = self.sh(script)
        assert done.returncode == 0, done.stderr

    def drill_from_escrow(self) -> tuple[int, dict[str, Any], str]:
        """Exit code, record (nothing where there is none), and what was said beside it."""
        done = self.drillbook("drill run fake-latest --from-escrow --json")
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    def lose(self) -> None:
        """Destroy the controller, and what the service's hosts hold."""
        shutil.rmtree(self.etc)
        shutil.rmtree(self.world.folder / "state", ignore_errors=True)
        for host in HOSTS:
            (self.world.folder / "hosts" / host / "document.json").unlink()


@pytest.fixture
def controller(fake: FakeWorld, tmp_path: Path) -> Controller:
    programs = tmp_path / "programs"
    programs.mkdir()
    texts = {
        "ssh": '#!/bin/sh\ntest "$1" = escrow@keeper1.example.org || exit 255\nshift\nexec sh -c "$*"\n',
        "drillbook": f'#!/bin/sh\nexec {sys.executable} -m tests.support.fake_kind.driver {fake.folder} "$@"\n',
    }
    for name, text in texts.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    made = Controller(fake, tmp_path / "etc", tmp_path / "keeper", programs)
    made.set_up()
    return made


def follow(controller: Controller) -> subprocess.CompletedProcess[str]:
    """The runbook's commands, one after the other, the restore's record as JSON in the end."""
    script = blocks(RUNBOOK, "sh")
    assert script.count("drillbook restore") == 1
    return controller.sh(re.sub(r"^(drillbook restore .*)$", r"\1 --json", script, flags=re.MULTILINE))


def test_a_new_controller_restores_in_place_from_escrow_alone(controller: Controller) -> None:
    assert controller.drillbook("drill run fake-latest").returncode == 0
    first = (controller.etc / "evidence.pem").read_bytes()
    controller.make_escrow()
    checked = controller.drillbook("escrow check")
    assert checked.returncode == 0, checked.stdout
    assert "all that a new controller needs" in checked.stdout
    assert PASSWORD not in checked.stdout + checked.stderr
    controller.lose()
    done = follow(controller)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(done.stdout[done.stdout.index("\n{") :])
    assert record["verdict"] == "PASS"
    for host in HOSTS:
        restored = (controller.world.folder / "hosts" / host / "document.json").read_text(encoding="utf-8")
        assert restored != NEWER
        assert json.loads(restored)["count"] > 0
    assert (controller.etc / "evidence.pem").read_bytes() == first
    for directory in (controller.etc, controller.keeper / "current"):
        assert (directory / "vault_password").stat().st_mode & 0o077 == 0
    assert controller.drillbook("escrow check").returncode == 1, "the new prefix is not in the escrow yet"
    controller.make_escrow()
    assert controller.drillbook("escrow check").returncode == 0


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("vault_password", "vault_password"),
        ("inventory/hosts.yml", "drillbook_state_directory"),
        ("inventory/group_vars/all/vault.yml", "vault_fake_repository"),
    ],
)
def test_without_a_part_the_runbook_ends_with_an_error(controller: Controller, lost: str, said: str) -> None:
    controller.make_escrow()
    (controller.keeper / "current" / lost).unlink()
    controller.lose()
    done = follow(controller)
    assert done.returncode != 0
    assert not [host for host in HOSTS if (controller.world.folder / "hosts" / host / "document.json").exists()]
    assert said in done.stdout + done.stderr


def test_a_wrong_password_ends_the_runbook_at_its_first_look(controller: Controller) -> None:
    controller.make_escrow()
    (controller.keeper / "current/vault_password").write_text("another", encoding="utf-8")
    controller.lose()
    done = follow(controller)
    assert done.returncode == 2
    assert all(words in done.stderr for words in ("ansible-inventory failed", "Decryption failed"))


def test_the_check_sees_each_part(controller: Controller) -> None:
    for name in (*KEPT, "inventory/hosts.yml", "inventory/group_vars/all/vault.yml"):
        controller.make_escrow()
        copy = controller.keeper / "current" / name
        if "/" in name:
            copy.write_text("of last year", encoding="utf-8")
        else:
            copy.unlink()
        assert controller.drillbook("escrow check").returncode == 1, name
    controller.make_escrow()
    assert controller.drillbook("escrow check").returncode == 0


def test_a_drill_works_with_the_copy_alone(controller: Controller) -> None:
    """The copy's objective is in the record, nothing of the copy is left on this machine, and what is in use is as it was."""
    controller.make_escrow()
    copied = controller.keeper / "current/inventory/hosts.yml"
    copied.write_text(copied.read_text(encoding="utf-8").replace('"rto_seconds": 80', '"rto_seconds": 81'))
    before = {path: path.read_bytes() for path in controller.etc.rglob("*") if path.is_file()}
    code, record, said = controller.drill_from_escrow()
    assert (code, record["verdict"]) == (0, "PASS"), said
    assert record["tracks"][0]["rto"]["objective_seconds"] == 81
    found = {check["name"]: check for check in record["checks"]}
    assert found["all that a new controller needs out of escrow"]["status"] == "passed"
    assert {path: path.read_bytes() for path in controller.etc.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("vault_password", "vault_password"),
        ("inventory/group_vars/all/vault.yml", "vault_fake_repository"),
    ],
)
def test_a_drill_sees_what_the_copy_lacks(controller: Controller, lost: str, said: str) -> None:
    """The controller itself still has it."""
    assert controller.drillbook("drill run fake-latest").returncode == 0
    controller.make_escrow()
    (controller.keeper / "current" / lost).unlink()
    code, record, words = controller.drill_from_escrow()
    assert code in (2, 3)
    assert said in words + json.dumps(record)


def test_what_is_in_no_copy_leaves_the_drill_unproven(controller: Controller, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(PASSWORD, encoding="utf-8")
    controller.make_escrow()
    done = controller.sh(
        f"DRILLBOOK_INVENTORY=/etc/drillbook/inventory ANSIBLE_VAULT_PASSWORD_FILE={tmp_path}/elsewhere "
        "drillbook drill run fake-latest --from-escrow --json"
    )
    record = json.loads(done.stdout)
    assert (done.returncode, record["verdict"]) == (1, "UNPROVEN"), done.stderr
    assert [check["name"] for check in record["checks"] if check["status"] == "skipped"] == [
        "vault password out of escrow"
    ]


def test_a_torn_copy_ends_the_drill_before_it_begins(controller: Controller) -> None:
    controller.make_escrow()
    (controller.keeper / "current/big").write_bytes(b"x" * 100_000)
    declared = controller.etc / "inventory/group_vars/all/drillbook.yml"
    declared.write_text(declared.read_text(encoding="utf-8").replace("-c .", "-c . | head -c 90000"), encoding="utf-8")
    code, record, said = controller.drill_from_escrow()
    assert (code, list(record)) == (3, ["error"])
    assert "no whole tar archive" in said


def test_a_copy_that_breaks_off_leaves_the_one_before(controller: Controller) -> None:
    controller.make_escrow()
    (controller.etc / "vault_password").unlink()
    script = blocks(HOW_TO, "sh").replace("drillbook escrow check\n", "")
    assert controller.sh(script).returncode != 0
    assert (controller.keeper / "current/vault_password").read_text(encoding="utf-8") == PASSWORD
