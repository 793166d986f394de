"""Plugins and roles of this tree have one name everywhere, `drillbook.platform.x`; the clone is that collection."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

import pytest
from tests.hygiene.conftest import ROOT
from tests.hygiene.own_names import Own, short_names, unknown_names

if TYPE_CHECKING:
    from pathlib import Path

LINK = ".collections/ansible_collections/drillbook/platform"
# With one of these a short name is found in the clone, and nowhere else.
SHORT_WAYS = {"roles_path", "library", "module_utils"}


def test_own_plugins_and_roles_go_by_their_full_names(files: list[Path]) -> None:
    assert short_names(ROOT, files) == []
    assert unknown_names(ROOT, files) == []


def test_the_clone_is_the_collection() -> None:
    assert (ROOT / LINK).is_symlink()
    assert (ROOT / LINK).readlink().parts == ("..", "..", "..")
    assert (ROOT / LINK).resolve() == ROOT


def test_no_setting_lets_a_short_name_work() -> None:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read(ROOT / "ansible.cfg")
    assert short_ways(settings["defaults"]) == []
    assert settings["defaults"]["collections_path"].split(":")[0] == ".collections"


def short_ways(settings: configparser.SectionProxy) -> list[str]:
    return sorted(key for key in settings if key in SHORT_WAYS or key.endswith("_plugins"))


@pytest.mark.parametrize("setting", ["roles_path", "filter_plugins", "library"])
def test_a_setting_that_lets_it_work_is_found(setting: str) -> None:
    settings = configparser.ConfigParser()
    settings.read_string(f"[defaults]\n{setting} = somewhere\n")
    assert short_ways(settings["defaults"]) == [setting]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a plugin of each kind and one role."""
    for name, text in {
        "filter/words.py": "class FilterModule:\n    def filters(self):\n        return {'loud': str.upper}\n",
        "test/words.py": "class TestModule:\n    def tests(self):\n        return {'quiet': str.islower}\n",
        "lookup/key.py": "",
        "modules/probe.py": "",
        "action/report.py": "",
        "module_utils/shared.py": "",
    }.items():
        path = tmp_path / "plugins" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "roles/web/tasks").mkdir(parents=True)
    return tmp_path


def found_in(tree: Path, name: str, text: str) -> list[str]:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return short_names(tree, [path])


FULL = "drillbook.platform."
# A file, what stands in it with the name for PREFIX, and the name that is found where the prefix is missing.
FORMS = {
    "a filter": ("roles/web/vars/main.yml", "x: \"{{ y | default('') | PREFIXloud }}\"", "loud"),
    "a filter of map": ("roles/web/vars/main.yml", "x: \"{{ y | map('PREFIXloud', 3) }}\"", "loud"),
    "a filter in a template": ("roles/web/templates/a.j2", "{{ y |PREFIXloud }}", "loud"),
    "a test": ("roles/web/vars/main.yml", 'x: "{{ y is not PREFIXquiet }}"', "quiet"),
    "a test of select": ("roles/web/vars/main.yml", "x: \"{{ y | selectattr('a', 'PREFIXquiet') }}\"", "quiet"),
    "a lookup": ("inventories/a/group_vars/all.yml", "x: \"{{ lookup('PREFIXkey', 'a') }}\"", "key"),
    "a lookup as a query": ("inventories/a/group_vars/all.yml", "x: \"{{ q('PREFIXkey', 'a') }}\"", "key"),
    "a lookup as a loop": ("roles/web/tasks/a.yml", "- with_PREFIXkey: [a]\n  ansible.builtin.ping:", "key"),
    "a lookup on a page": ("docs/a.md", "`lookup('PREFIXkey', 'a')`", "key"),
    "a module": ("roles/web/tasks/a.yml", "- block:\n    - PREFIXprobe: {}", "probe"),
    "a module in a play": ("playbooks/a.yml", "- hosts: all\n  tasks:\n    - PREFIXprobe: {}", "probe"),
    "a module of a handler": ("molecule/web/a.yml", "- hosts: all\n  handlers:\n    - PREFIXprobe: {}", "probe"),
    "a module with defaults": ("playbooks/a.yml", "- hosts: all\n  module_defaults: {PREFIXprobe: {a: 1}}", "probe"),
    "a module as an action": ("tests/support/a.yml", "- action: PREFIXprobe a=1", "probe"),
    "a module as a local action": ("roles/web/tasks/a.yml", "- local_action: {module: PREFIXprobe}", "probe"),
    "a module on a page": ("docs/a.md", "```yaml\n- name: a\n  PREFIXprobe:\n    a: 1\n```", "probe"),
    "a module of a command": ("docs/a.md", "`ansible db1 -i hosts -m PREFIXprobe`", "probe"),
    "an action": ("roles/web/tasks/a.yml", "- PREFIXreport: {}", "report"),
    "a module's import": ("plugins/modules/a.py", "from ansible.module_utils import a, shared", "shared"),
    "a module's import of a name": ("plugins/modules/a.py", "from ansible.module_utils.shared import a", "shared"),
    "a role of a play": ("playbooks/a.yml", "- hosts: all\n  roles:\n    - role: PREFIXweb", "web"),
    "a role that is a word": ("playbooks/a.yml", "- hosts: all\n  roles: [PREFIXweb]", "web"),
    "a role of a task": ("roles/db/tasks/a.yml", "- ansible.builtin.include_role: {name: PREFIXweb}", "web"),
    "a role that is imported": ("roles/db/tasks/a.yml", "- ansible.builtin.import_role: {name: PREFIXweb}", "web"),
    "a role of a loop": (
        "playbooks/a.yml",
        '- hosts: all\n  tasks:\n    - ansible.builtin.include_role: {name: "PREFIX{{ x }}"}',
        "{{ x }}",
    ),
    "a role on a page": ("docs/a.md", "`include_role: {name: PREFIXweb}`", "web"),
    "a role's dependency": ("roles/db/meta/main.yml", "dependencies:\n  - role: PREFIXweb", "web"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_short_name_is_found_and_the_full_one_is_not(tree: Path, form: str) -> None:
    place, text, name = FORMS[form]
    assert found_in(tree, place, text.replace("PREFIX", "")) == [f"{place}: {name}"]
    full = text.replace("ansible.module_utils", f"ansible_collections.{FULL}plugins.module_utils")
    assert found_in(tree, place, full.replace("PREFIX", FULL)) == []


def test_a_full_name_of_nothing_is_found(tree: Path) -> None:
    page = tree / "a.md"
    page.write_text(f"{FULL}prob {FULL}probe {FULL}web {FULL}loud {FULL}key {FULL}quiet {FULL}report", encoding="utf-8")
    assert unknown_names(tree, [page]) == ["a.md: prob"]


def test_words_that_are_no_plugins_are_left_alone(tree: Path) -> None:
    assert found_in(tree, "inventories/a/hosts.yml", "all:\n  vars:\n    probe: a\n    x: key or loud\n") == []
    assert (
        found_in(tree, "roles/web/tasks/a.yml", "- ansible.builtin.debug: {msg: '{{ probe }}'}\n  tags: [web]\n") == []
    )


def test_the_names_of_this_tree_are_known() -> None:
    own = Own(ROOT)
    assert {"ed25519_public_key", "lab_base_tag"} <= own.filters
    assert "store_key" in own.lookups
    assert {"isolation_probe", "drillbook_fingerprints"} <= own.modules
    assert own.utilities == {"etcd", "host_files", "host_services"}
    assert "postgresql" in own.roles
