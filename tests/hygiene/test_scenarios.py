"""Each role is tested by itself, or says why not and what tests it; the samples for build machines run the same scenarios."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.modules import module_at

ROOT = Path(__file__).resolve().parent.parent.parent
SCENARIOS = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}
ROLES = {path.name for path in (ROOT / "roles").iterdir() if path.is_dir()}
WITHOUT: dict[str, dict[str, str]] = yaml.safe_load((ROOT / "molecule/without_scenario.yml").read_text())
# All roles on many hosts.
CLUSTER = {"cluster"}


@pytest.fixture(scope="module")
def selection() -> Any:
    """The script that chooses scenarios, as a module."""
    return module_at(ROOT / "scripts/role_scenarios.py")


def test_each_role_has_a_scenario_or_a_reason() -> None:
    assert SCENARIOS - CLUSTER | WITHOUT.keys() == ROLES
    assert not SCENARIOS & WITHOUT.keys(), "a role with a scenario needs no reason"


@pytest.mark.parametrize("role", WITHOUT)
def test_a_reason_names_tests_that_exist(role: str) -> None:
    assert len(WITHOUT[role]["reason"].split()) > 5
    tests = ROOT / WITHOUT[role]["tests"]
    assert tests.exists()
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (tests.rglob("*") if tests.is_dir() else [tests])
        if path.is_file() and path.suffix in {".py", ".yml"}
    )
    playbook = ROOT / "playbooks"
    assert role in text or "import_playbook" in text, f"{tests} does not name {role}, and there is {playbook}"


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_scenario_carries_the_name_of_its_folder_and_tests_something(scenario: str) -> None:
    folder = ROOT / "molecule" / scenario
    assert yaml.safe_load((folder / "molecule.yml").read_text())["scenario"]["name"] == scenario
    tests = sorted(folder.glob("tests/test_*.py"))
    assert tests
    assert all("assert" in path.read_text(encoding="utf-8") for path in tests)


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_a_role_that_refuses_debian_12_is_seen_to_do_so(scenario: str) -> None:
    folder = ROOT / "molecule" / scenario
    refuses = (ROOT / "roles" / scenario / "vars/debian-12.yml").exists()
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("tests/*.py"))
    assert ('refusal("deb12")' in text) is refuses


@pytest.mark.parametrize("scenario", sorted(SCENARIOS - CLUSTER))
def test_a_scenario_changes_variables_of_its_role_on_one_host(scenario: str) -> None:
    folder = ROOT / "molecule" / scenario
    tests = "".join(path.read_text(encoding="utf-8") for path in folder.glob("tests/*.py"))
    changed = "".join(path.read_text(encoding="utf-8") for path in folder.glob("host_vars/*.yml"))
    assert f"{scenario}_" in changed + tests


def test_molecule_files_name_their_loop_variables() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in ROOT.glob("molecule/**/*.yml")
        if "{{ item" in path.read_text(encoding="utf-8")
    ]
    assert not found


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (["roles/haproxy/tasks/main.yml"], ["haproxy"]),
        (["roles/haproxy/README.md", "docs/design.md", "README.md"], []),
        (["molecule/etcd/tests/test_etcd.py", "roles/etcd/defaults/main.yml"], ["etcd"]),
        (["molecule/shared/converge.yml"], ["haproxy", "isolation"]),
        (["roles/lab_machine/tasks/present.yml"], ["haproxy", "isolation"]),
        (["plugins/modules/isolation_probe.py"], ["isolation"]),
        (["plugins/modules/object_store_users.py"], ["object_store"]),
        (["roles/ec2_vm/tasks/main.yml", "scripts/drillbook/process.py"], []),
        (["roles/gone/tasks/main.yml"], []),
    ],
)
def test_changed_files_choose_their_scenarios(selection: Any, changed: list[str], expected: list[str]) -> None:
    assert selection.selected(changed) == expected


@pytest.mark.parametrize(
    ("path", "new"),
    [
        ("molecule/etcd/tests/test_etcd.py", False),
        ("molecule/not_there_yet/molecule.yml", True),
        ("molecule/shared/not_there_yet/x.yml", False),
        ("molecule/conftest.py", False),
        ("roles/not_there_yet/tasks/main.yml", False),
    ],
)
def test_a_new_scenario_is_run_by_whoever_adds_it(selection: Any, path: str, new: bool) -> None:
    """Else the landing that adds scenarios to many roles would run all of them."""
    if not (ROOT / ".git").exists():
        pytest.skip("this tree has no history")
    assert selection.in_new_scenario(path, "HEAD") is new


def test_without_a_commit_to_compare_with_all_scenarios_run(selection: Any) -> None:
    assert set(selection.selected(None)) == SCENARIOS - CLUSTER
    for unknown in ("", "0" * 40, "--output=x"):
        with pytest.raises(selection.UnknownCommitError):
            selection.changed_since(unknown)


def test_the_landed_commit_is_one() -> None:
    landed = (ROOT / ".ci/landed").read_text(encoding="utf-8").strip()
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{landed}^{{commit}}"],  # noqa: S607 # git is where the PATH says
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=30,
    )
    if not (ROOT / ".git").exists() or (ROOT / ".git/shallow").exists():
        pytest.skip("this tree has no history")
    assert known.returncode == 0, f".ci/landed names {landed!r}, which this clone does not know"


def test_the_samples_for_build_machines_run_every_scenario() -> None:
    gitlab = yaml.safe_load((ROOT / "docs/how-to/ci/gitlab-ci.yml").read_text(encoding="utf-8"))
    github = yaml.safe_load((ROOT / "docs/how-to/ci/github-workflow.yml").read_text(encoding="utf-8"))
    assert set(gitlab["role"]["parallel"]["matrix"][0]["ROLE"]) == SCENARIOS - CLUSTER
    assert set(github["jobs"]["role"]["strategy"]["matrix"]["role"]) == SCENARIOS - CLUSTER


def test_the_samples_call_what_exists() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs/how-to/ci").glob("*.yml")]
    assert len(texts) == 2
    for text in texts:
        parts = [f"scripts/test --{part}" for part in ("lint", "unit", "contract", "lab")]
        for command in (*parts, "scripts/roles"):
            assert command in text
            assert (ROOT / command.split()[0]).exists()
