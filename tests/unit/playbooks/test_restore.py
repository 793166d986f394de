"""The restore that all kinds share, with a kind of the test's own: its phases, its refusals, and what a sandbox is given."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PHASES = ("provision", "select", "transfer", "replay", "start", "verify")
INVENTORY = {
    "all": {
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        "children": {
            "shelves": {
                "hosts": {"shelf1": {}, "shelf2": {}},
                "vars": {"drillbook_service": {"name": "books"}, "size": "large"},
            },
            "other": {"hosts": {"other1": {}}},
            "theirs": {"hosts": {"theirs1": {}}, "vars": {"drillbook_service": {"name": "deeds", "managed": False}}},
            "sandbox": {"hosts": {"sandbox1": {}}},
        },
    }
}
SANDBOX = {"restore_service": "books", "restore_target": "sandbox1"}
IN_PLACE = {
    "restore_service": "books",
    "restore_target": "shelves",
    "restore_mode": "in_place",
    "restore_confirm": "shelves",
}


def note(phase: str) -> list[dict[str, Any]]:
    """A phase that writes down where it ran, and with which variables."""
    line = phase + " {{ inventory_hostname }} {{ size | default('unknown') }} {{ safety | default('none') }}"
    return [
        {
            "name": f"Note {phase}",
            "ansible.builtin.shell": {"cmd": f"echo '{line}' >> {{{{ playbook_dir }}}}/notes"},
            "changed_when": True,
        }
    ]


class Restore:
    """The repository's restore.yml and prove.yml beside a kind called `fake`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        playbooks = folder / "playbooks"
        shutil.copytree(ROOT / "playbooks/tasks", playbooks / "tasks")
        for name in ("restore.yml", "prove.yml"):
            shutil.copy(ROOT / "playbooks" / name, playbooks)
        shutil.copytree(ROOT / "playbooks/postgresql/restore", playbooks / "fake/restore")
        for phase in PHASES:
            self._write(f"fake/restore/{phase}.yml", note(phase))  # `thaw` stays PostgreSQL's: nothing to do
        self._write("fake/prove.yml", note("prove"))
        self._write("fake/vars/sandbox.yml", {"safety": "sandbox"})
        self._write("fake/vars/in_place.yml", {"safety": "in_place"})
        (folder / "hosts.yml").write_text(yaml.safe_dump(INVENTORY), encoding="utf-8")

    def _write(self, path: str, content: object) -> None:
        target = self.folder / "playbooks" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(content), encoding="utf-8")

    def fail_in(self, part: str) -> None:
        """Have a part of the kind record a check that failed."""
        check = {"name": "every page", "stage": "prove", "passed": False, "expected": "whole", "actual": "torn"}
        self._write(f"fake/{part}.yml", [{"name": "Check every page", "drillbook.platform.drillbook_check": check}])

    def run(self, playbook: str, **variables: Any) -> tuple[int, str]:
        extra = json.dumps({"restore_kind": "fake", **variables})
        playbook = str(self.folder / "playbooks" / playbook)
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "-i",
                str(self.folder / "hosts.yml"),
                playbook,
                "-e",
                extra,
            ],
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, " ".join(done.stdout.split())

    def notes(self) -> list[str]:
        path = self.folder / "playbooks/notes"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def restore(tmp_path: Path) -> Restore:
    return Restore(tmp_path)


def test_each_phase_runs_in_a_sandbox_that_has_the_variables_of_the_group(restore: Restore) -> None:
    code, output = restore.run("restore.yml", **SANDBOX)
    assert code == 0, output
    assert restore.notes() == [f"{phase} sandbox1 large sandbox" for phase in PHASES]
    assert "(4/8) thaw" in output


def test_prove_finds_the_variables_by_itself(restore: Restore) -> None:
    code, output = restore.run("prove.yml", **SANDBOX)
    assert code == 0, output
    assert restore.notes() == ["prove sandbox1 large sandbox"]


def test_in_place_the_first_host_leads(restore: Restore) -> None:
    code, output = restore.run("restore.yml", **IN_PLACE, restore_group="shelves")
    assert code == 0, output
    led = [line.split()[1] for line in restore.notes() if line.startswith(("select ", "replay "))]
    assert led == ["shelf1", "shelf1"]
    assert {line.split()[1] for line in restore.notes()} == {"shelf1", "shelf2"}
    assert all(line.endswith("large in_place") for line in restore.notes())


def test_in_place_goes_without_who_does_not_answer(restore: Restore) -> None:
    for playbook in ("restore.yml", "prove.yml"):
        code, output = restore.run(playbook, **IN_PLACE, restore_without=["shelf1"])
        assert code == 0, output
    assert {line.split()[1] for line in restore.notes()} == {"shelf2"}
    assert restore.notes()[-1].startswith("prove ")


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({**IN_PLACE, "restore_without": ["other1"]}, "restore_without names hosts of shelves"),
        ({**IN_PLACE, "restore_without": ["shelf1", "shelf2"]}, "at least one is left: shelf1, shelf2"),
        ({**SANDBOX, "restore_service": "boks"}, "no group is the service 'boks'"),
        ({**SANDBOX, "restore_group": "nowhere"}, "which is no group of the inventory"),
        ({**SANDBOX, "restore_target": "shelf1"}, "stands in a production group"),
        ({**SANDBOX, "restore_kind": "unheard_of"}, "restore_kind names the kind"),
        ({**IN_PLACE, "restore_confirm": "books"}, "replaces the data of every host of shelves"),
        (
            {**IN_PLACE, "restore_target": "other", "restore_confirm": "other"},
            "replaces the data of every host of shelves",
        ),
        (
            {
                "restore_service": "deeds",
                "restore_target": "theirs",
                "restore_mode": "in_place",
                "restore_confirm": "theirs",
            },
            "deeds is not drillbook's own (managed: false)",
        ),
    ],
)
def test_a_wrong_order_is_refused_before_anything_runs(restore: Restore, order: dict[str, Any], why: str) -> None:
    code, output = restore.run("restore.yml", **order)
    assert code != 0
    assert why in output
    assert restore.notes() == []


@pytest.mark.parametrize(("playbook", "part"), [("restore.yml", "restore/verify"), ("prove.yml", "prove")])
def test_who_runs_it_by_hand_is_told_of_a_failed_check_and_a_drill_judges_itself(
    restore: Restore, playbook: str, part: str
) -> None:
    restore.fail_in(part)
    code, output = restore.run(playbook, **SANDBOX)
    assert code != 0
    assert "1 check(s) failed on sandbox1: every page." in output
    code, output = restore.run(playbook, **SANDBOX, drillbook_run_id="run-1")
    assert code == 0, output
