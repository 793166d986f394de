"""docs/how-to/drill-a-cluster-of-others.md: its inventory is whole, its drill has a plan, and a sandbox is told what the layouts differ in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.hygiene.conftest import ROOT
from tests.hygiene.hollow import ended, hollow_tree, started
from tests.hygiene.test_whole_inventories import FILLED_IN, initial
from tests.support.others import files_of_page, hba_of_page

from drillbook.app import inventory_at
from drillbook.config import configuration, examine
from drillbook.run.plan import plan_drill

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = "group_vars/billing_databases"
DRILL = {
    "restore_kind": "postgresql",
    "restore_service": "billing",
    "restore_target": "sandbox1",
    "restore_mode": "sandbox",
}
SECRETS = dict.fromkeys(("vault_billing_probe", "vault_billing_cipher", "vault_billing_drillbook_agent"), "given")
# What each way to build a cluster has of its own. Of the last two nobody has drilled one: the page says so.
LAYOUTS: dict[str, dict[str, Any]] = {
    "the page's": {},
    # /var/lib/pgsql is PGDG's on RHEL; the data directory is no key that a drill needs, and does no harm.
    "PGDG's": {"pgbackrest_data_directory": "/var/lib/pgsql/17/data", "postgresql_port": 5432, "pgbackrest_stanza": "pgdg"},
    # patroni_cluster_name, patroni_superuser_username and postgresql_data_dir of its role `common`
    "autobase's": {
        "postgresql_cluster": "postgres-cluster",
        "pgbackrest_stanza": "postgres-cluster",
        "pgbackrest_data_directory": "/var/lib/postgresql/17/main",
        "postgresql_superuser": "admin",
        "postgresql_data_checksums": True,
        "postgresql_port": 5432,
    },
}  # fmt: skip
SHOWN = (
    "postgresql_cluster", "postgresql_port", "postgresql_superuser", "postgresql_data_checksums", "postgresql_restore_keep_settings",
    "postgresql_archive_enabled", "pgbackrest_stanza", "pgbackrest_data_directory", "pgbackrest_restore_tablespaces",
    "pgbackrest_credentials", "pgbackrest_repository", "postgresql_superuser_password", "postgresql_restapi_password",
    "postgresql_replication_password", "postgresql_rewind_password",
)  # fmt: skip
SHOW = [
    {
        "hosts": "sandbox1",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_tasks": "tasks/restore_variables.yml"},
            {
                "ansible.builtin.copy": {
                    "dest": "{{ shown_file }}",
                    "content": "{{ dict(shown | zip(q('ansible.builtin.vars', *shown))) | combine({'again': q('ansible.builtin.vars', *shown)}) | to_json }}",
                    "mode": "0600",
                },
                "check_mode": False,
                "delegate_to": "localhost",
            },
        ],
    }
]


def laid_over(made: Path, layout: dict[str, Any], without: str = "") -> Path:
    """The page's files in what `drillbook init` made; in the group, what a layout has of its own, and one key less."""
    for name, content in files_of_page().items():
        path = made / "inventory" / ("zz_hosts.yml" if name == "hosts.yml" else name)
        if name == "group_vars/all/drillbook.yml":
            said = yaml.safe_load(path.read_text(encoding="utf-8"))
            said["drillbook_object_store"]["repositories"] |= content["repositories"]
            content = said  # noqa: PLW2901 - a part of it is all that the page shows
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.safe_dump({key: value for key, value in content.items() if key != without}), encoding="utf-8"
        )
    (made / "inventory" / GROUP / "zz_layout.yml").write_text(yaml.safe_dump(layout), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By layout."""
    return {
        name: laid_over(initial(tmp_path_factory.mktemp("made") / "made", "example"), layout)
        for name, layout in LAYOUTS.items()
    }


@pytest.fixture(scope="module")
def outcomes(
    directories: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[int, str]]]:
    """A restore up to its first steps, by layout, and of the page without a key; what the sandbox was told lies beside the inventory."""
    home = hollow_tree(tmp_path_factory.mktemp("hollow"))
    (home / "playbooks/show.yml").write_text(yaml.safe_dump(SHOW), encoding="utf-8")
    spoilt = laid_over(
        initial(tmp_path_factory.mktemp("spoilt") / "made", "example"), {}, without="pgbackrest_cipher_pass"
    )
    running = {}
    for name, directory in {**directories, "spoilt": spoilt}.items():
        told = {**FILLED_IN, **SECRETS, **DRILL, "shown": list(SHOWN), "shown_file": str(directory / "shown.json")}
        running[name] = started(home, directory, "playbooks/restore.yml", "playbooks/show.yml", variables=told)
    return {name: ended(process) for name, process in running.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sandbox_is_told_what_the_cluster_is_and_keeps_its_own_places(
    layout: str, directories: dict[str, Path], outcomes: dict[str, tuple[int, str]]
) -> None:
    status, output = outcomes[layout]
    assert status == 0, output[-3000:]
    shown = json.loads((directories[layout] / "shown.json").read_text(encoding="utf-8"))
    declared = {
        **files_of_page()[f"{GROUP}/postgresql.yml"],
        **files_of_page()[f"{GROUP}/pgbackrest.yml"],
        **LAYOUTS[layout],
    }
    for key in ("postgresql_port", "postgresql_superuser", "postgresql_data_checksums", "pgbackrest_stanza"):
        assert str(shown[key]) == str(declared[key]), key
    assert (shown["pgbackrest_repository"]["bucket"], shown["pgbackrest_repository"]["path"]) == (
        "billing-backups",
        "/pgbackrest",
    )
    assert shown["postgresql_cluster"] == "sandbox"
    assert shown["pgbackrest_data_directory"] == "/var/lib/postgresql/17/sandbox"
    assert shown["pgbackrest_restore_tablespaces"].startswith("/var/lib/postgresql/")
    assert (shown["postgresql_restore_keep_settings"], shown["postgresql_archive_enabled"]) == (False, False)
    assert shown["pgbackrest_credentials"] == "reader"
    assert shown["again"] == [shown[key] for key in SHOWN], "read again, it is another value"


def test_no_password_of_a_sandbox_is_known_before_its_run(
    directories: dict[str, Path], outcomes: dict[str, tuple[int, str]]
) -> None:
    assert [outcomes[layout][0] for layout in LAYOUTS] == [0] * len(LAYOUTS)
    runs = [json.loads((directories[layout] / "shown.json").read_text(encoding="utf-8")) for layout in LAYOUTS]
    passwords = [shown[key] for shown in runs for key in SHOWN if key.endswith("_password")]
    assert len(set(passwords)) == len(passwords) == 4 * len(LAYOUTS)
    assert min(map(len, passwords)) >= 40
    assert not [password for password in passwords if any(password in output for _status, output in outcomes.values())]


def test_a_missing_passphrase_is_told(outcomes: dict[str, tuple[int, str]]) -> None:
    status, output = outcomes["spoilt"]
    assert status == 2
    assert "missing required arguments: pgbackrest_cipher_pass" in output


@pytest.mark.parametrize("layout", LAYOUTS)
def test_drillbook_has_no_fault_to_find_and_the_drill_has_a_plan(
    layout: str, directories: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(directories[layout] / "vault_password"))
    read = inventory_at([directories[layout] / "inventory"])
    assert examine(read).faults == ()
    found = configuration(read)
    (drill,) = (drill for drill in found.drills if drill.name == "billing-latest")
    plan = plan_drill(found, drill)
    assert (plan.targets, drill.service.managed, drill.service.hosts) == (("sandbox1",), False, ("billing1",))
    assert set(found.store.repositories) == {"pgbackrest", "billing"}


def test_the_commands_of_the_page_are_there() -> None:
    page = (ROOT / "docs/how-to/drill-a-cluster-of-others.md").read_text(encoding="utf-8")
    assert hba_of_page() == "local drillbook drillbook_agent scram-sha-256"
    (playbook,) = re.findall(r"^ansible-playbook (\S+) -e heartbeat_service=billing$", page, re.MULTILINE)
    assert (ROOT / playbook).is_file()
    assert re.findall(r"^drillbook drill run (\S+)$", page, re.MULTILINE) == ["billing-latest"]
