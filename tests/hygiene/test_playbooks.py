"""Operations are numbered plays, and each kind of service brings every phase of a restore."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from drillbook.model import Phase
from drillbook.model.phases import phase_of_play

ROOT = Path(__file__).resolve().parent.parent.parent
PLAYBOOKS = ROOT / "playbooks"
# What is no kind of service: the lab's own playbooks, and task files that kinds share.
NO_KINDS = {"lab", "tasks"}
KINDS = sorted(path for path in PLAYBOOKS.iterdir() if path.name not in NO_KINDS and any(path.glob("**/*.yml")))
# Said by the shared first play, before the kind is asked.
SHARED = {Phase.DECLARE}
MODES = ("sandbox", "in_place")


def load(path: Path) -> list[dict[str, Any]]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or []


def is_playbook(path: Path) -> bool:
    """Whether the file holds plays; task files and variables lie beside them."""
    entries = load(path)
    return isinstance(entries, list) and any(
        "hosts" in entry or "ansible.builtin.import_playbook" in entry for entry in entries
    )


def playbooks() -> list[Path]:
    return sorted(path for path in PLAYBOOKS.rglob("*.yml") if is_playbook(path))


def phases_of(playbook: str) -> list[Phase]:
    names = [play["name"] for play in load(PLAYBOOKS / playbook)]
    phases = [phase_of_play(name) for name in names]
    assert None not in phases, f"{playbook}: the stopwatch does not know each of {names}"
    return [phase for phase in phases if phase is not None]


def numbering(path: Path) -> str:
    """What is wrong with the numbers of a playbook's plays; empty for nothing."""
    names = [str(play.get("name", "")) for play in load(path) if "hosts" in play]
    wanted = [f"({number}/{len(names)}) " for number in range(1, len(names) + 1)]
    wrong = [name for name, start in zip(names, wanted, strict=True) if not re.match(re.escape(start) + r"\S", name)]
    return f"{path.relative_to(PLAYBOOKS)}: {wrong}" if wrong else ""


def test_every_play_of_an_operation_is_numbered_within_its_playbook() -> None:
    # The lab's playbooks are parts of each other, so a number would be wrong in one of them.
    found = [numbering(path) for path in playbooks() if path.parent.name != "lab"]
    assert len(found) > 10, "the playbooks were not found"
    assert not [wrong for wrong in found if wrong]


@pytest.mark.parametrize("names", [["Do it"], ["(1/2) a: Do it"], ["(2/2) a: b", "(1/2) a: b"], ["(1/1) a", "(1/1) b"]])
def test_a_wrong_number_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    monkeypatch.setitem(globals(), "PLAYBOOKS", tmp_path)
    (tmp_path / "some.yml").write_text(yaml.safe_dump([{"name": name, "hosts": "all"} for name in names]))
    assert numbering(tmp_path / "some.yml")


# Plays of the inventory's own groups, where others' hosts may be. Two ask them: a backup is refused by name, guests are only looked for.
OF_THE_INVENTORY = re.compile(r"^(all|etcd|postgresql|load_balancers|object_store)\b")
OTHERS_TOO = {"postgresql/backup.yml", "provision.yml"}


def at_hosts_of_others(path: Path) -> list[str]:
    """Plays that would change hosts of clusters which somebody else built: `end_host` ends one play, so each has to pass them over."""
    return [
        play["name"]
        for play in load(path)
        if OF_THE_INVENTORY.match(str(play.get("hosts", "")))
        and not re.search(r"tasks/(managed|rotation)_hosts\.yml", str(play.get("pre_tasks", "")))
    ]


def test_every_play_passes_over_what_others_built() -> None:
    found = {
        str(path.relative_to(PLAYBOOKS)): at_hosts_of_others(path) for path in playbooks() if "lab" not in path.parts
    }
    assert {name for name, plays in found.items() if plays} == OTHERS_TOO, found


def test_a_play_at_hosts_of_others_is_found(tmp_path: Path) -> None:
    passes = [{"import_tasks": "tasks/managed_hosts.yml"}]
    plays = [{"name": "a", "hosts": "etcd", "pre_tasks": passes}, {"name": "b", "hosts": "etcd"}]
    (tmp_path / "some.yml").write_text(yaml.safe_dump(plays))
    assert at_hosts_of_others(tmp_path / "some.yml") == ["b"]


def test_site_only_imports() -> None:
    assert all(set(entry) == {"name", "ansible.builtin.import_playbook"} for entry in load(PLAYBOOKS / "site.yml"))


def test_restore_and_prove_have_the_phases_of_a_run_in_order() -> None:
    order = list(Phase)
    phases = phases_of("restore.yml")
    assert phases == order[: order.index(Phase.PROVE)]
    assert phases_of("prove.yml") == [Phase.PROVE]


def test_there_are_kinds() -> None:
    assert "postgresql" in [kind.name for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=lambda path: path.name)
def test_a_kind_brings_every_phase_and_nothing_else(kind: Path) -> None:
    wanted = {phase.value for phase in phases_of("restore.yml") if phase not in SHARED}
    assert {path.stem for path in (kind / "restore").glob("*.yml")} == wanted
    assert load(kind / "prove.yml"), "the proof is empty"
    empty = [path.name for path in (kind / "restore").glob("*.yml") if not load(path)]
    assert not empty, "a phase with nothing to do says so: tasks/restore_nothing.yml"


@pytest.mark.parametrize("kind", KINDS, ids=lambda path: path.name)
def test_a_kind_has_a_safety_set_for_each_mode_and_a_site(kind: Path) -> None:
    assert not [mode for mode in MODES if not load(kind / f"vars/{mode}.yml")]
    assert is_playbook(kind / "site.yml")
    imported = [entry["ansible.builtin.import_playbook"] for entry in load(PLAYBOOKS / "site.yml")]
    assert f"{kind.name}/site.yml" in imported


@pytest.mark.parametrize("kind", KINDS, ids=lambda path: path.name)
@pytest.mark.parametrize("operation", ["restore", "prove"])
def test_the_bad_day_has_a_name_for_each_kind(kind: Path, operation: str) -> None:
    (entry,) = load(PLAYBOOKS / f"{operation}_{kind.name}.yml")
    assert entry["ansible.builtin.import_playbook"] == f"{operation}.yml"
    assert entry["vars"] == {"restore_kind": kind.name}


@pytest.mark.parametrize(
    "operation",
    ["restore.yml", "prove.yml", "recovery_points.yml", *(path.name for path in PLAYBOOKS.glob("tasks/*.yml"))],
)
def test_what_kinds_share_names_none_of_them(operation: str) -> None:
    path = next(path for path in (PLAYBOOKS / operation, PLAYBOOKS / "tasks" / operation) if path.exists())
    tasks = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    assert not [kind.name for kind in KINDS if kind.name in tasks]
