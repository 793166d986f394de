"""docs/reference/what-site-changes.md names all that the roles of site.yml install and write, and only switches that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.hygiene.conftest import ROOT, strings
from tests.hygiene.entry_points import COLLECTION

if TYPE_CHECKING:
    pass

PAGE = ROOT / "docs/reference/what-site-changes.md"
# Templates that no run of site.yml writes: they belong to a restore, or are read by a task.
NOT_OF_SITE = {"restore", "apart"}
SYSTEM = {"etc", "usr"}
PACKAGE = re.compile(r"^[a-z][a-z0-9.+-]+$")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def roles_of(playbook: Path) -> set[str]:
    """The roles that a playbook, or one that it imports, applies to its hosts."""
    found: set[str] = set()
    for play in load(playbook):
        if "ansible.builtin.import_playbook" in play:
            found |= roles_of(playbook.parent / play["ansible.builtin.import_playbook"])
        named = {entry["role"] for entry in play.get("roles", [])} | set(strings(play.get("tasks", [])))
        found |= {text.removeprefix(COLLECTION) for text in named}
    return {name for name in found if name and (ROOT / "roles" / name / "tasks/main.yml").is_file()}


def with_helpers(roles: set[str]) -> set[str]:
    """And the roles that those roles import."""
    found = set(roles)
    for role in roles:
        text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles" / role / "tasks").glob("*.yml"))
        found |= set(re.findall(rf"_role:\n\s+name: {re.escape(COLLECTION)}(\w+)", text))
    return found


ROLES = sorted(with_helpers(roles_of(ROOT / "playbooks/site.yml")))
SECTIONS = dict(
    re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)


def variables(role: str) -> set[str]:
    specs = load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
    return {name for entry in specs.values() for name in entry.get("options", {})}


def tags(role: str) -> set[str]:
    tasks = load(ROOT / "roles" / role / "tasks/main.yml")
    return {tag for task in tasks for tag in task.get("tags", [])} | {role}


def unknown(section: str) -> list[str]:
    """Switches that a section names and no role has: a variable of its specs, or a tag after the word `tag`."""
    wrong = [tag for tag in re.findall(r"[Tt]ag `(\w+)`", section) if not any(tag in tags(role) for role in ROLES)]
    for word in re.findall(r"`(\w+)(?:: [^`]+)?`", re.sub(r"[Tt]ag `\w+`", "", section)):
        owner = next((role for role in ROLES if word.startswith(f"{role}_")), None)
        if owner and word not in variables(owner):
            wrong.append(word)
    return wrong


def missing(role: str, section: str) -> list[str]:
    """Files that the role writes from a template, presets and packages, as far as the section does not name them."""
    folder = ROOT / "roles" / role / "templates"
    wanted = [
        "/" + str(path.relative_to(folder)).removesuffix(".j2")
        for path in sorted(folder.rglob("*.j2"))
        if path.relative_to(folder).parts[0] in SYSTEM and path.name not in {"opening.nft.j2", "repository.conf.j2"}
    ]
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        wanted += re.findall(
            r"(?:dest|path): (/etc/[\w./-]+\.(?:preset|conf|sources|list))$", path.read_text("utf-8"), re.MULTILINE
        )
    for path in [
        *(ROOT / "roles" / role / "vars").glob("main.yml"),
        *(ROOT / "roles" / role / "vars").glob("main/*.yml"),
    ]:
        listed = load(path).get(f"__{role}_packages", [])
        found = listed if isinstance(listed, list) else re.findall(r"'([^']+)'", listed.partition("(")[0])
        wanted += [name.replace("{{ postgresql_version }}", "17") for name in found]
    # A unit's two files, and the settings of each service, are named once with both endings.
    shortened = [re.sub(r"/etc/drillbook/heartbeats/secrets\.json", "secrets.json", name) for name in wanted]
    shortened = [re.sub(r"(drillbook-pgbackrest-\w+)\.service$", r"\1.timer", name) for name in shortened]
    return [name for name in shortened if name not in section]


def test_every_role_of_site_has_its_section_and_nobody_else() -> None:
    assert {"host_baseline", "etcd", "postgresql", "pgbouncer", "backup_agent", "packages"} <= set(ROLES)
    assert set(SECTIONS) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_each_switch_exists(role: str) -> None:
    assert unknown(SECTIONS[role]) == []


@pytest.mark.parametrize("role", ROLES)
def test_each_file_and_package_is_named(role: str) -> None:
    assert missing(role, SECTIONS[role]) == []


@pytest.mark.parametrize(
    "line", ["`host_baseline_firewal_enabled: false`", "skip tag `host_baseline_firewal`", "`pgbackrest_timer`"]
)
def test_a_switch_that_is_none_is_found(line: str) -> None:
    assert len(unknown(line)) == 1


def test_a_file_that_is_not_named_is_found() -> None:
    assert missing("haproxy", "package `haproxy`, `/etc/haproxy/haproxy.cfg`") == [
        "/etc/systemd/system-preset/10-drillbook-haproxy.preset"
    ]
    assert missing("haproxy", "") != []
