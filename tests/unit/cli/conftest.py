"""An inventory for the verbs."""

import json
from pathlib import Path

import pytest
from tests.support.secret_files import write_secret
from tests.unit.world import inventory_json


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory whose object store nobody answers for."""
    data = inventory_json(tmp_path)
    (tmp_path / "group_vars").mkdir()
    data["all"]["vars"]["drillbook_object_store"]["endpoint"] = "https://127.0.0.1:9"
    (tmp_path / "group_vars/all.yml").write_text(json.dumps(data["all"]["vars"]))
    (tmp_path / "group_vars/postgresql_main.yml").write_text(json.dumps(data["postgresql_main"]["vars"]))
    groups = {"postgresql_main": {"hosts": {"db1": {}}}, "sandbox": {"hosts": {"sandbox1": {}}}}
    (tmp_path / "hosts.yml").write_text(json.dumps({"all": {"children": groups}}))
    (tmp_path / "credentials").mkdir()
    for user in ("auditor", "repository_reader", "evidence_writer"):
        write_secret(tmp_path / f"credentials/{user}.json", {"access_key": "a", "secret_key": "s"})
    monkeypatch.setenv("DRILLBOOK_INVENTORY", str(tmp_path / "hosts.yml"))
    return tmp_path
