"""Each registered kind brings everything that a kind of service is made of."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.hygiene.entry_points import tasks

from drillbook.kinds.registry import KINDS
from drillbook.kinds.roles import RoleKind
from drillbook.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from drillbook.kinds.declaration import ServiceKind

ROOT = Path(__file__).resolve().parent.parent.parent
# The shared first play declares; proof and teardown have playbooks of their own.
PHASES = [phase for phase in Phase if phase not in (Phase.DECLARE, Phase.PROVE, Phase.TEARDOWN)]
DRIVERS = Path("roles/backup_agent/files/kinds")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None


def phases_lacking(kind: ServiceKind, root: Path) -> list[str]:
    folder = root / "playbooks" / kind.name
    wanted = [*(folder / "restore" / f"{phase}.yml" for phase in PHASES), folder / "prove.yml"]
    return [f"no tasks in {path.relative_to(root)}" for path in wanted if not load(path)]


def question_lacking(kind: ServiceKind, root: Path) -> list[str]:
    """What says its recovery points: tasks that hand over the fact, where playbooks do the kind's work, else its own code."""
    path = root / "playbooks" / kind.name / "recovery_points.yml"
    if not isinstance(kind, RoleKind):
        asks = getattr(type(kind), "recovery_points", None)
        return [] if callable(asks) and asks.__doc__ else [f"{kind.name} can't say its recovery points"]
    handed = [task.get("drillbook.platform.drillbook_fact") or {} for task in tasks(load(path))]
    there = any(fact.get("name") == "recovery_points" for fact in handed)
    return [] if there and kind.programs else [f"{path.relative_to(root)} hands over no recovery_points"]


def page_lacking(kind: ServiceKind, root: Path) -> list[str]:
    """A page with a heading for each thing that a reader needs of a kind."""
    page = root / f"docs/reference/kinds/{kind.name}.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    headings = ("## Keys", "## Recovery points", "## Phases", "## Checks", "## What a drill needs")
    told = [f"{page.name} has no '{heading}'" for heading in headings if heading not in text.splitlines()]
    return [*told, *(f"{page.name} does not say `{point}`" for point in kind.points if f"`{point}" not in text)]


def drill_lacking(kind: ServiceKind, root: Path) -> list[str]:
    groups: dict[Path, dict[str, Any]] = {}
    for path in (root / "inventories/lab/group_vars").rglob("*.yml"):
        groups.setdefault(path.parent, {}).update(load(path) or {})
    drilled = [values for values in groups.values() if (values.get("drillbook_service") or {}).get("kind") == kind.name]
    return [] if any(values.get("drillbook_drills") for values in drilled) else [f"no drill of {kind.name} in the lab"]


def driver_lacking(kind: ServiceKind, root: Path) -> list[str]:
    """A module of the kind's name with a class `Heartbeat`, as the backup agent loads it."""
    path = root / DRIVERS / f"{kind.name}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else []
    there = any(isinstance(node, ast.ClassDef) and node.name == "Heartbeat" for node in body)
    return [] if there else [f"no class Heartbeat in {path.relative_to(root)}"]


def role_kinds() -> list[ServiceKind]:
    return [kind for kind in KINDS.values() if isinstance(kind, RoleKind)]


def names(kind: ServiceKind) -> str:
    return kind.name


def test_there_are_kinds_of_both_sorts() -> None:
    assert role_kinds()
    assert len(role_kinds()) < len(KINDS)


@pytest.mark.parametrize("kind", role_kinds(), ids=names)
def test_it_brings_every_phase(kind: ServiceKind) -> None:
    assert phases_lacking(kind, ROOT) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=names)
def test_it_can_say_its_recovery_points(kind: ServiceKind) -> None:
    assert question_lacking(kind, ROOT) == []


def test_a_kind_of_its_own_steps_that_can_t_say_them_is_found() -> None:
    class Mute:
        name = "mute"

    assert question_lacking(Mute(), ROOT) == ["mute can't say its recovery points"]  # type: ignore[arg-type] # it lacks the ability


@pytest.mark.parametrize("kind", KINDS.values(), ids=names)
def test_it_has_a_page(kind: ServiceKind) -> None:
    assert page_lacking(kind, ROOT) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=names)
def test_it_is_drilled_in_the_lab(kind: ServiceKind) -> None:
    assert drill_lacking(kind, ROOT) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=names)
def test_it_has_a_heartbeat_driver(kind: ServiceKind) -> None:
    assert driver_lacking(kind, ROOT) == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what belongs to the kinds, with a driver: nothing is lacking in it."""
    for folder in ("playbooks", "docs/reference/kinds", "inventories/lab/group_vars"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / DRIVERS).mkdir(parents=True)
    for kind in KINDS:
        (tmp_path / DRIVERS / f"{kind}.py").write_text("class Heartbeat:\n    pass\n", encoding="utf-8")
    return tmp_path


def lacking(tree: Path) -> list[str]:
    found: list[str] = []
    for kind in KINDS.values():
        found += [
            *question_lacking(kind, tree),
            *page_lacking(kind, tree),
            *drill_lacking(kind, tree),
            *driver_lacking(kind, tree),
        ]
        if isinstance(kind, RoleKind):
            found += phases_lacking(kind, tree)
    return found


def without_a_line(path: Path, line: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert line in before
    path.write_text(before.replace(line, ""), encoding="utf-8")


PLANTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a phase is missing": (
        lambda tree: (tree / "playbooks/postgresql/restore/thaw.yml").unlink(),
        "no tasks in playbooks/postgresql/restore/thaw.yml",
    ),
    "a phase is empty": (
        lambda tree: (tree / "playbooks/postgresql/restore/start.yml").write_text("---\n"),
        "no tasks in playbooks/postgresql/restore/start.yml",
    ),
    "no proof": (
        lambda tree: (tree / "playbooks/postgresql/prove.yml").unlink(),
        "no tasks in playbooks/postgresql/prove.yml",
    ),
    "no tasks for its recovery points": (
        lambda tree: (tree / "playbooks/postgresql/recovery_points.yml").unlink(),
        "playbooks/postgresql/recovery_points.yml hands over no recovery_points",
    ),
    "recovery points that are not handed over": (
        lambda tree: (tree / "playbooks/postgresql/recovery_points.yml").write_text(
            "- drillbook.platform.drillbook_fact: {name: points}\n"
        ),
        "playbooks/postgresql/recovery_points.yml hands over no recovery_points",
    ),
    "no page": (
        lambda tree: (tree / "docs/reference/kinds/machines.md").unlink(),
        "machines.md has no '## Phases'",
    ),
    "a page without a heading": (
        lambda tree: without_a_line(tree / "docs/reference/kinds/postgresql.md", "## Checks\n"),
        "postgresql.md has no '## Checks'",
    ),
    "a page without a recovery point": (
        lambda tree: without_a_line(tree / "docs/reference/kinds/postgresql.md", "`immediate`"),
        "postgresql.md does not say `immediate`",
    ),
    "no drill in the lab": (
        lambda tree: shutil.rmtree(tree / "inventories/lab/group_vars/load_balancers"),
        "no drill of machines in the lab",
    ),
    "no heartbeat driver": (
        lambda tree: (tree / DRIVERS / "machines.py").unlink(),
        "no class Heartbeat in roles/backup_agent/files/kinds/machines.py",
    ),
    "a driver of another shape": (
        lambda tree: (tree / DRIVERS / "postgresql.py").write_text("def beat():\n    pass\n", encoding="utf-8"),
        "no class Heartbeat in roles/backup_agent/files/kinds/postgresql.py",
    ),
}


def test_a_whole_tree_lacks_nothing(tree: Path) -> None:
    assert lacking(tree) == []


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_lacking_is_found(tree: Path, what: str) -> None:
    plant, said = PLANTED[what]
    plant(tree)
    assert said in lacking(tree)
