"""When a member counts as part of its cluster, and who leads it, by answers as Patroni 4 gives them (patroni/api.py)."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

TASKS = Path(__file__).resolve().parents[3] / "roles/postgresql/tasks"
# A server that is out of recovery has the role primary, whoever holds the leader's key; the status of /leader tells that.
FOUNDING = (503, {"state": "running", "role": "primary", "cluster_unlocked": True})
LEADING = (200, {"state": "running", "role": "primary"})
STREAMING = (503, {"state": "running", "role": "replica", "replication_state": "streaming"})
STARTING = (503, {"state": "starting", "role": "replica"})
ALONE = (200, {"members": [{"name": "db1", "role": "leader", "state": "running"}]})
NOBODY = (200, {"members": [{"name": "db1", "role": "replica", "state": "running"}]})
ANOTHER = (
    200,
    {
        "members": [
            {"name": "db1", "role": "sync_standby", "state": "streaming"},
            {"name": "db2", "role": "leader", "state": "running"},
        ]
    },
)
STANDBY_CLUSTER = (200, {"members": [{"name": "db1", "role": "standby_leader", "state": "streaming"}]})

Answer: TypeAlias = tuple[int, dict[str, Any]]


@dataclass
class Patroni:
    """A REST API that gives each path's answers in order, the last one for good."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        left = self.answers[path]
        return left.pop(0) if len(left) > 1 else left[0]


@pytest.fixture
def patroni() -> Iterator[Patroni]:
    api = Patroni()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = api.answer(self.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield api
        server.shutdown()
        thread.join()


def run(folder: Path, api: Patroni, tasks: str, *arguments: str) -> tuple[dict[str, bool], str]:
    """Run one of the role's task files on a host per case; return who got through, and what was printed: who leads."""
    hosts = sorted({path.split("/")[1] for path in api.answers})
    include = {"name": "Run the tasks", "ansible.builtin.include_tasks": str(TASKS / tasks)}
    show = {
        "name": "Show",
        "ansible.builtin.debug": {
            "msg": "{{ inventory_hostname }} leads {{ __postgresql_is_leader | default('unknown') }}"
        },
    }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "__postgresql_restapi_url": api.url + "/{{ inventory_hostname }}",
        "postgresql_node_name": "db1",
        "postgresql_state": "started",
        "postgresql_start_timeout_seconds": 4,
        "postgresql_tls_ca_file": None,
    }
    play = {"name": "Members", "hosts": "all", "gather_facts": False, "vars": variables, "tasks": [include, show]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(hosts)}}), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(folder / "hosts.yml"), *arguments]
    done = subprocess.run([*command, str(folder / "play.yml")], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    return {host: f"{host} leads" in output for host in hosts}, output


def test_a_member_is_waited_for_until_it_holds_the_key_or_streams(patroni: Patroni, tmp_path: Path) -> None:
    patroni.answers = {
        "/founder/leader": [FOUNDING, FOUNDING, LEADING],
        "/standby/leader": [STARTING, STREAMING],
        "/never/leader": [FOUNDING],
    }
    through, output = run(tmp_path, patroni, "ready.yml")
    assert through == {"founder": True, "standby": True, "never": False}, output
    assert {path: patroni.asked.count(path) for path in ("/founder/leader", "/standby/leader")} == {
        "/founder/leader": 3,
        "/standby/leader": 2,
    }


def test_who_leads(patroni: Patroni, tmp_path: Path) -> None:
    patroni.answers = {
        "/it/cluster": [ALONE],
        "/another/cluster": [ANOTHER],
        "/moment/cluster": [NOBODY, ALONE],
        "/readonly/cluster": [STANDBY_CLUSTER],  # takes no writes
    }
    _, output = run(tmp_path, patroni, "leader.yml")
    for said in ("it leads True", "another leads False", "moment leads True", "readonly leads False"):
        assert said in output, output


def test_in_check_mode_nobody_has_to_lead(patroni: Patroni, tmp_path: Path) -> None:
    patroni.answers["/founder/cluster"] = [NOBODY]
    _, output = run(tmp_path, patroni, "leader.yml", "--check")
    assert "founder leads False" in output, output
