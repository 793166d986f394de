"""Entry points are a contract: each one is specified, and what a role hands on is public."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.hygiene.entry_points import kept, load, read, run, specs, tasks, used

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# The longest name first: `lab_host` is no beginning of another role's name by chance.
PRIVATE = re.compile(rf"\b__({'|'.join(sorted(ROLES, key=len, reverse=True))})_\w+")
# What runs or configures a role. Its tests may look inside.
OUTSIDE = ("playbooks", "roles", "inventories", "molecule")


def specs_lacking(root: Path) -> list[str]:
    uses = sorted(use.split(": ") for use in used(root))
    lacking = [f"{role}: {entry}" for role, entry in uses if entry not in specs(root / "roles" / role)]
    return lacking if uses else ["the playbooks use no role"]


def specs_of_nothing(root: Path) -> list[str]:
    """Specs of an entry point that the role has no file for, as after a rename."""
    return [
        f"{role.name}: {entry}"
        for role in sorted((root / "roles").iterdir())
        for entry in specs(role)
        if not (role / f"tasks/{entry}.yml").exists()
    ]


def promises_broken(root: Path) -> list[str]:
    """Options that an entry point does not read, and those of its role that it reads and does not name."""
    found = []
    for role in sorted((root / "roles").iterdir()):
        options = {entry: set(spec.get("options") or {}) for entry, spec in specs(role).items()}
        for entry, promised in options.items():
            # What it sets itself it may ask of its caller as well, from an earlier run of another entry point.
            apart = (read(role, entry) & set().union(*options.values())) ^ promised
            found += [f"{role.name}: {entry}: {name}" for name in sorted(apart - kept(run(role, entry)))]
    return found


def outcomes_untold(root: Path) -> list[str]:
    """Public facts that the description of an entry point which sets them does not name."""
    found = []
    for role in sorted((root / "roles").iterdir()):
        told = {entry: str(spec.get("description")) for entry, spec in specs(role).items()}
        # Of an entry point that runs another one, the other's name is enough.
        for entry, text in told.items():
            public = sorted(name for name in kept(run(role, entry)) if not name.startswith("__"))
            known = text + "".join(told[other] for other in told if other != entry and f"C({other})" in text)
            found += [f"{role.name}: {entry}: {name}" for name in public if f"C({name})" not in known]
    return found


def secrets_read(root: Path) -> list[str]:
    """Private variables of a role that are named outside of it."""
    found = []
    for path in (path for folder in OUTSIDE for path in sorted((root / folder).rglob("*")) if path.is_file()):
        place = path.relative_to(root)
        home = place.parts[1] if place.parts[0] == "roles" else ""
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            names = [match[0] for match in PRIVATE.finditer(line) if match[1] != home]
            found += [f"{place}:{number}: {name}" for name in names]
    return found


CHECKS = (specs_lacking, specs_of_nothing, promises_broken, outcomes_untold, secrets_read)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_entry_points_are_a_contract(check: Callable[[Path], list[str]]) -> None:
    assert check(ROOT) == []


def test_every_use_of_a_role_names_one_that_there_is() -> None:
    assert {use.split(": ")[0] for use in used(ROOT)} <= set(ROLES)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the checks read."""
    for folder in OUTSIDE:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".cache"))
    return tmp_path


def without(path: Path, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert text in before
    path.write_text(before.replace(text, ""), encoding="utf-8")


def also(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


PGBACKREST = "roles/pgbackrest/meta/argument_specs.yml"
PLANTED: dict[str, tuple[Callable[[Path], list[str]], Callable[[Path], object], str]] = {
    "an entry point without a spec": (
        specs_lacking,
        lambda tree: without(tree / PGBACKREST, "  recovery_points:\n"),
        "pgbackrest: recovery_points",
    ),
    "a role without specs in a loop": (
        specs_lacking,
        lambda tree: (tree / "roles/certificates/meta/argument_specs.yml").unlink(),
        "certificates: main",
    ),
    "a role without specs that a variable names": (
        specs_lacking,
        lambda tree: (tree / "roles/object_store/meta/argument_specs.yml").unlink(),
        "object_store: install",
    ),
    "a role without specs that a layer of the lab names": (
        specs_lacking,
        lambda tree: (tree / "roles/haproxy/meta/argument_specs.yml").unlink(),
        "haproxy: install",
    ),
    "a name that nothing gives": (
        specs_lacking,
        lambda tree: also(
            tree / "playbooks/object_store.yml",
            '  tasks:\n    - ansible.builtin.include_role: {name: "{{ some_role }}", tasks_from: install}\n',
        ),
        "{{ some_role }}: install",
    ),
    "a spec without an entry point": (
        specs_of_nothing,
        lambda tree: (tree / "roles/postgresql/tasks/restore/stop.yml").unlink(),
        "postgresql: restore/stop",
    ),
    "an option that is not read": (
        promises_broken,
        lambda tree: without(
            tree / "roles/postgresql/tasks/restore/archive.yml", '    login_port: "{{ postgresql_port }}"\n'
        ),
        "postgresql: restore/archive: postgresql_port",
    ),
    "an option that is not named": (
        promises_broken,
        lambda tree: without(tree / PGBACKREST, "      pgbackrest_data_directory: *pgbackrest_data_directory\n"),
        "pgbackrest: restore: pgbackrest_data_directory",
    ),
    "an outcome that is not told": (
        outcomes_untold,
        lambda tree: without(tree / PGBACKREST, "C(pgbackrest_backup_taken)"),
        "pgbackrest: backup: pgbackrest_backup_taken",
    ),
    "a playbook that reads a private variable": (
        secrets_read,
        lambda tree: also(tree / "playbooks/baseline.yml", "# {{ __host_baseline_installed }}\n"),
        "playbooks/baseline.yml:13: __host_baseline_installed",
    ),
    "a role that reads another role's": (
        secrets_read,
        lambda tree: also(tree / "roles/etcd/tasks/join.yml", "# {{ __postgresql_user }}\n"),
        "__postgresql_user",
    ),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_broken_contract_is_found(tree: Path, what: str) -> None:
    check, plant, said = PLANTED[what]
    plant(tree)
    assert [found for found in check(tree) if found.endswith(said)]


def test_a_role_may_read_its_own(tree: Path) -> None:
    also(tree / "roles/etcd/tasks/join.yml", "# {{ __etcd_user }}\n")
    assert secrets_read(tree) == []


def test_tasks_in_plays_and_blocks_are_read() -> None:
    plays = [{"tasks": [{"block": [{"name": "a"}], "rescue": [{"name": "b"}]}], "post_tasks": [{"name": "c"}]}]
    assert [task["name"] for task in tasks(plays) if "name" in task] == ["a", "b", "c"]


def test_the_labs_playbooks_are_read() -> None:
    assert load(ROOT / "playbooks/lab/images.yml")
    assert {"lab_image: base", "lab_image: prune", "package_cache: install"} <= used(ROOT)
