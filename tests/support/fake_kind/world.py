"""A service of the fake kind with backups, and its drills as processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.modules import module_at

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.evidence import Signer, verify_log
from drillbook.journal.journal import Journal
from drillbook.journal.ledger import Ledger
from drillbook.model import format_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
HOSTS = ("fake1", "fake2")
GROUP, SERVICE, DRILL, SANDBOX = "fakes", "letters", "fake-latest", "sandbox1"
MACHINE = f"machine folders: {SANDBOX}"
"""How ledgers name the sandbox."""
UNREACHABLE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
NEWER = "newer than every backup"
PATIENCE = timedelta(seconds=90)

document = module_at(HERE / "playbooks/fake/document.py")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a process of the command line left: its exit status and what it printed."""

    code: int
    output: Any
    said: str


@dataclass
class FakeWorld:
    """Everything below one folder; ``heartbeat_age`` is how old the newest heartbeat of the newest increment is; ``lost`` hosts refuse to be reached.

    ``driver`` is the module that a process of the command line runs, ``sandbox_variables`` are those of each sandbox host. Whoever waits for a
    process gives up after ``patience``.
    """

    folder: Path
    heartbeat_age: float = 2.0
    rpo_seconds: float = 60
    drill: dict[str, Any] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    sandbox_hosts: tuple[str, ...] = (SANDBOX,)
    driver: str = "tests.support.fake_kind.driver"
    sandbox_variables: dict[str, Any] = field(default_factory=dict)
    patience: timedelta = PATIENCE

    def __post_init__(self) -> None:
        """Lay the folder out: the real playbooks beside the kind's own, because Ansible follows links before it looks beside a file."""
        playbooks = self.folder / "root/playbooks"
        shutil.copytree(HERE / "playbooks", playbooks, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "playbooks/tasks", playbooks / "tasks")
        for name in ("restore.yml", "prove.yml", "recovery_points.yml"):
            shutil.copy(ROOT / "playbooks" / name, playbooks / name)
        # `explicit`: no play asks for facts.
        (self.folder / "root/ansible.cfg").write_text(
            f"[defaults]\ngathering=explicit\ncollections_path={ROOT}/.collections\n[connection]\npipelining=true\n",
            encoding="utf-8",
        )
        self.controls.mkdir()
        (self.controls / "network").write_text("store1 cache1\n", encoding="utf-8")
        for host in HOSTS:
            (self.folder / "hosts" / host).mkdir(parents=True)
        self.write_inventory()
        self.fill()

    @property
    def controls(self) -> Path:
        return self.folder / "controls"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def write_inventory(self, **general: Any) -> None:
        path = self.folder / "inventory/hosts.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"all": self.inventory(**general)}), encoding="utf-8")

    def inventory(self, **general: Any) -> dict[str, Any]:
        """The group `all`, as an inventory's file says it."""
        service = {
            "name": SERVICE,
            "kind": "fake",
            "objectives": {"rto_seconds": 80, "rpo_seconds": self.rpo_seconds},
            "heartbeat_interval_seconds": 5,
            "heartbeat_publish_interval_seconds": 50,
            "increment_interval_seconds": 20,
        }
        return {
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                # The facts of this machine are of no use to a document, and cost a second.
                "ansible_facts_modules": ["ansible.builtin.ping"],
                "fake_base": str(self.folder),
                "fake_controls": str(self.controls),
                **everywhere(self.folder / "state"),
                "drillbook_sandboxes": [{"host": host, "provider": "folders"} for host in self.sandbox_hosts],
                **general,
            },
            "children": {
                GROUP: {
                    "hosts": {host: UNREACHABLE if host in self.lost else {} for host in HOSTS},
                    "vars": {
                        "fake_directory": "{{ fake_base }}/hosts/{{ inventory_hostname }}",
                        "fake_repository": str(self.repository),
                        "drillbook_service": service,
                        "drillbook_drills": [{"name": DRILL, "sandbox": SANDBOX, **self.drill}],
                    },
                },
                "sandbox": {"hosts": dict.fromkeys(self.sandbox_hosts, self.sandbox_variables)},
            },
        }

    def fill(self) -> None:
        """Two sets, an hour and a minute old, and increments behind the newest; the hosts hold what is newer still."""
        shutil.rmtree(self.repository, ignore_errors=True)
        beat = self.heartbeat_age
        for label, age, count in (("1-old", 3600.0, 10), ("2-new", 60.0, 20)):
            self.store("sets", label, age=age, numbers=range(count), count=count, beat=max(beat, age))
        for number, age in enumerate((40.0, 20.0, 0.0), start=1):
            count = 20 + number
            self.store(
                "increments", str(number), age=age, numbers=range(count - 1, count), count=count, beat=max(beat, age)
            )
        for host in HOSTS:
            (self.folder / "hosts" / host / "document.json").write_text(NEWER, encoding="utf-8")
        now = datetime.now(UTC)
        published = [
            {
                "host": host,
                "counter": 7,
                "written_at": format_instant(now - timedelta(seconds=2)),
                "published_at": format_instant(now),
                "last_modified": format_instant(now),
            }
            for host in HOSTS
        ]
        (self.controls / "published.json").write_text(json.dumps(published), encoding="utf-8")

    def store(self, folder: str, label: str, *, age: float, numbers: range, count: int, beat: float) -> None:
        now = datetime.now(UTC)
        document.write(
            self.repository / folder / f"{label}.json",
            {
                "at": format_instant(now - timedelta(seconds=age)),
                "rows": {
                    str(n): {"text": f"letter {n}", "sha256": document.row_digest(f"letter {n}")} for n in numbers
                },
                "count": count,
                "heartbeat": {
                    "host": HOSTS[0],
                    "counter": count,
                    "written_at": format_instant(now - timedelta(seconds=beat)),
                },
            },
        )

    def change(self, change: Callable[[dict[str, Any]], object], *, sealed: bool = True) -> None:
        """Change every stored part; ``sealed`` gives it the right checksum again."""
        for path in self.repository.rglob("*.json"):
            content = json.loads(path.read_text(encoding="utf-8"))
            change(content)
            if sealed:
                document.write(path, content)
            else:
                path.write_text(json.dumps(content), encoding="utf-8")

    def start(self, *arguments: str, as_json: bool = True) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                self.driver,
                str(self.folder),
                *arguments,
                *(("--json",) if as_json else ()),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}/scripts:{ROOT}",
                "DRILLBOOK_INVENTORY": str(self.folder / "inventory"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, child: subprocess.Popen[str]) -> Ran:
        stdout, stderr = child.communicate(timeout=self.patience.total_seconds())
        assert stdout, stderr
        return Ran(child.returncode, json.loads(stdout), stderr)

    def call(self, *arguments: str) -> Ran:
        return self.finish(self.start(*arguments))

    def run(self, *options: str) -> Ran:
        return self.call("drill", "run", DRILL, *options)

    def hang_in(self, phase: str) -> None:
        (self.controls / f"hang-{phase}").touch()

    def pause_in(self, phase: str) -> None:
        """As `hang_in`, until `go_on`."""
        (self.controls / f"pause-{phase}").touch()

    def wait_until_it_hangs(self, child: subprocess.Popen[str], phase: str) -> None:
        wait_for(
            lambda: (self.controls / f"hung-{phase}").exists() or child.poll() is not None,
            f"hanging in {phase}",
            self.patience.total_seconds(),
        )
        assert child.poll() is None, child.communicate()

    def go_on(self) -> None:
        for path in (*self.controls.glob("hung-*"), *self.controls.glob("hang-*"), *self.controls.glob("pause-*")):
            path.unlink()

    def kill_in(self, phase: str) -> Killed:
        """Kill a drill that hangs in a phase; say what was alive then."""
        self.hang_in(phase)
        child = self.start("drill", "run", DRILL)
        self.wait_until_it_hangs(child, phase)
        ledger = self.ledger()
        child.send_signal(signal.SIGKILL)
        child.communicate()
        self.go_on()
        return Killed(ledger.path.parent.name, ledger, process.marked_processes(ledger.path.parent.name))

    def ledger(self) -> Ledger:
        path = max((self.folder / "state/runs").glob("*/ledger.jsonl"))
        return Ledger(path.parent, SystemClock())

    def journal(self) -> list[Mapping[str, Any]]:
        return list(Journal(self.ledger().path.parent).entries())

    def evidence_kinds(self) -> list[str]:
        log = self.folder / "state/evidence"
        return [json.loads(path.read_text(encoding="utf-8"))["kind"] for path in sorted(log.glob("[0-9]*.json"))]

    def evidence(self) -> list[str]:
        """The kinds of all entries, of a log in which nothing is found but that it has no anchor."""
        log = self.folder / "state/evidence"
        report = verify_log(log, Signer.load_or_create(self.folder / "state/key.pem").public_key_pem(), None)
        assert [found.kind for found in report.findings] == ["tail-not-anchored"], report
        return self.evidence_kinds()

    def sandboxes(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "sandboxes").glob("*"))

    def left(self) -> list[str]:
        """Whatever of any run is still there: sandboxes, processes, runners' folders, open resources."""
        runs = sorted((self.folder / "state/runs").glob("*"))
        return [
            *self.sandboxes(),
            *(str(found) for run in runs for found in process.marked_processes(run.name)),
            *(str(found) for run in runs for found in run.glob("runner-*")),
            *(str(found) for run in runs for found in Ledger(run, SystemClock()).outstanding()),
        ]

    def end_everything(self) -> None:
        for run in (self.folder / "state/runs").glob("*"):
            process.kill_marked(run.name)


@dataclass(frozen=True, slots=True)
class Killed:
    """A run that was killed, and the processes that it left."""

    run_id: str
    ledger: Ledger
    orphans: tuple[process.ProcessIdentity, ...]


def everywhere(state: Path) -> dict[str, Any]:
    """What the group `all` says of the store and the evidence."""
    return {
        "drillbook_state_directory": str(state),
        "drillbook_object_store": {
            "endpoint": "https://192.0.2.9:7480",
            "repositories": {"documents": {"bucket": "documents"}},
            "evidence_bucket": "evidence",
            "heartbeat_bucket": "heartbeat",
            "credentials_directory": f"{state}/credentials",
        },
        "drillbook_evidence": {
            "directory": f"{state}/evidence",
            "signing_key_file": f"{state}/key.pem",
            "anchored": False,
        },
        "drillbook_providers": [
            {
                "name": "folders",
                "kind": "lab",
                "prefix": "folders",
                "containers_conf": str(state.parent / "containers.conf"),
                "drill": {"network": "none"},
            }
        ],
        "drillbook_sandboxes": [{"host": SANDBOX, "provider": "folders"}],
        "drillbook_step_timeout_seconds": 60,
        "drillbook_run_deadline_seconds": 80,
    }


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE.total_seconds()) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
