"""Images are named after what they are made of: the name changes with it, and with nothing else."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from ansible.errors import AnsibleFilterError
from tests.support.modules import module_at

FILTER = Path(__file__).resolve().parents[3] / "plugins/filter/lab.py"
LAYER = {"roles": ["web"], "variables": {}}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The filters, looking at a copy of the base image's role and at one small role."""
    module = module_at(FILTER)
    shutil.copytree(FILTER.parents[2] / "roles/lab_image", tmp_path / "lab_image")
    for path, text in {
        "tasks/install.yml": "---\n- apt: {name: '{{ __web_packages }}'}\n- copy:\n    src: preset.j2\n",
        "tasks/configure.yml": "---\n- debug: {msg: hello}\n",
        "vars/main.yml": "__web_packages: ['{{ web_server }}']\n__web_unit: a.service\n",
        "defaults/main.yml": "web_server: nginx\nweb_port: 80\n",
        "templates/preset.j2": "disable nginx\n",
        "templates/site.j2": "listen {{ web_port }}\n",
    }.items():
        file = tmp_path / "web" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setattr(module, "ROLES", tmp_path)
    return module


def tag_after(lab: ModuleType, path: str, text: str) -> str:
    (lab.ROLES / "web" / path).write_text(text)
    lab._role_inputs.cache_clear()
    return str(lab.lab_layer_tag(LAYER, "trixie"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tasks/install.yml", "---\n- apt: {name: other}\n"),
        ("vars/main.yml", "__web_packages: ['{{ web_server }}', curl]\n"),
        ("defaults/main.yml", "web_server: apache2\n"),
        ("templates/preset.j2", "enable nginx\n"),
    ],
)
def test_what_install_uses_changes_the_tag(lab: ModuleType, path: str, text: str) -> None:
    before = lab.lab_layer_tag(LAYER, "trixie")
    assert tag_after(lab, path, text) != before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tasks/configure.yml", "---\n- debug: {msg: other}\n"),
        ("vars/main.yml", "__web_packages: ['{{ web_server }}']\n__web_unit: b.service\n"),
        ("defaults/main.yml", "web_server: nginx\nweb_port: 8080\n"),
        ("templates/site.j2", "listen 443\n"),
    ],
)
def test_what_only_configure_uses_does_not(lab: ModuleType, path: str, text: str) -> None:
    before = lab.lab_layer_tag(LAYER, "trixie")
    assert tag_after(lab, path, text) == before


def test_what_an_imported_role_does_changes_the_tag(lab: ModuleType) -> None:
    imported = lab.ROLES / "packages/tasks/main.yml"
    imported.parent.mkdir(parents=True)
    imported.write_text("---\n- apt: {name: one}\n")
    install = "---\n- import_role:\n    name: drillbook.platform.packages\n"
    before = tag_after(lab, "tasks/install.yml", install)
    imported.write_text("---\n- apt: {name: other}\n")
    assert tag_after(lab, "tasks/install.yml", install) != before


def test_release_roles_and_variables_change_the_tag(lab: ModuleType) -> None:
    tags = [
        lab.lab_layer_tag(LAYER, "trixie"),
        lab.lab_layer_tag(LAYER, "bookworm"),
        lab.lab_layer_tag({"roles": ["web", "web"], "variables": {}}, "trixie"),
        lab.lab_layer_tag({"roles": ["web"], "variables": {"web_server": "caddy"}}, "trixie"),
    ]
    assert len(set(tags)) == len(tags)


def test_unknown_release_and_missing_role_are_refused(lab: ModuleType) -> None:
    with pytest.raises(AnsibleFilterError, match="lab_debian_release"):
        lab.lab_base_tag("sid")
    with pytest.raises(AnsibleFilterError, match=r"roles/absent/tasks/install\.yml"):
        lab.lab_layer_tag({"roles": ["absent"], "variables": {}}, "trixie")


def test_names_are_seen_in_a_shared_network_only(lab: ModuleType) -> None:
    hosts = {
        "db1": {"production": "10.0.1.11"},
        "store1": {"production": "10.0.1.31", "sandbox": "10.0.2.31"},
        "sandbox1": {"sandbox": "10.0.2.51"},
    }
    assert lab.lab_names_seen_from(hosts, "db1") == {"store1": "10.0.1.31"}
    assert lab.lab_names_seen_from(hosts, "sandbox1") == {"store1": "10.0.2.31"}
    assert lab.lab_names_seen_from(hosts, "store1") == {"db1": "10.0.1.11", "sandbox1": "10.0.2.51"}
