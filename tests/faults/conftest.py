"""One platform with content and a backup, kept for all faults; each test puts back what it broke."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml
from botocore.config import Config
from tests.conftest import backup_sets, end_segments, wait_until_archived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testinfra.host import Host

    from drillbook_lab.lab import Lab

DRILL = "postgresql-latest"
DRILL_TIMEOUT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of the command line left: its exit status, its record, and all that it printed."""

    code: int
    record: dict[str, Any]
    output: str

    def failed_checks(self) -> list[str]:
        return [check["name"] for check in self.record["checks"] if check["status"] == "failed"]

    def check(self, name: str) -> str:
        """What the check of this name found, and its message."""
        (found,) = (check for check in self.record["checks"] if check["name"] == name)
        return f"{found['actual']} {found['message']}"

    def why(self) -> str:
        """Everything that the record says about why it is red."""
        error = self.record["error"] or {}
        checks = [
            f"{check['name']} {check['actual']} {check['message']}"
            for check in self.record["checks"]
            if check["status"] != "passed"
        ]
        return " | ".join([error.get("message", ""), error.get("remedy", ""), *checks])


class Drills:
    """Runs drills against the lab; `variables` are laid over the inventory, as an operator's mistake would be."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self._directory = directory

    def arguments(self, **variables: Any) -> list[str]:
        """The --inventory options; variables of the group `all`, of a host where the key is `host_NAME`, or of a `group_NAME`."""
        if not variables:
            return []
        hosts = {key.removeprefix("host_"): value for key, value in variables.items() if key.startswith("host_")}
        groups = {key.removeprefix("group_"): value for key, value in variables.items() if key.startswith("group_")}
        groups["all"] = {key: value for key, value in variables.items() if not key.startswith(("host_", "group_"))}
        overlay = self._directory / f"overlay-{time.monotonic_ns()}"
        (overlay / "group_vars").mkdir(parents=True)
        (overlay / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}), encoding="utf-8")
        for name, of_group in groups.items():
            (overlay / f"group_vars/{name}.yml").write_text(yaml.safe_dump(of_group), encoding="utf-8")
        return ["--inventory", str(self.lab.root / "inventories/lab"), "--inventory", str(overlay)]

    def promising(self, **objectives: int) -> dict[str, Any]:
        """Variables with which the lab's cluster promises this: ``rto_seconds``, ``rpo_seconds``."""
        path = self.lab.root / "inventories/lab/group_vars/postgresql_main/drillbook.yml"
        service = yaml.safe_load(path.read_text(encoding="utf-8"))["drillbook_service"]
        service["objectives"] |= objectives
        return {"group_postgresql_main": {"drillbook_service": service}}

    def run(self, *options: str, **variables: Any) -> Ran:
        completed = self.lab.run(
            "drillbook",
            "drill",
            "run",
            DRILL,
            *options,
            *self.arguments(**variables),
            "--json",
            timeout=DRILL_TIMEOUT,
        )
        output = completed.stdout + completed.stderr
        try:
            record = json.loads(completed.stdout)
        except ValueError:
            pytest.fail(f"no record, exit {completed.returncode}:\n{output[-4000:]}")
        return Ran(completed.returncode, record, output)

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start a drill and do not wait for it; the caller kills it."""
        return subprocess.Popen(
            [str(self.lab.root / ".venv/bin/drillbook"), "drill", "run", DRILL, *options, "--json"],
            env={**os.environ, **self.lab.environment},
            cwd=self.lab.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def runs(self) -> set[Path]:
        """The directories of all runs so far."""
        return set((self.lab.state / "state/runs").glob("*"))

    def phase_began(self, phase: str, before: set[Path]) -> bool:
        """Whether the journal of a run that was not there before tells of the phase."""
        journals = [run / "journal.jsonl" for run in self.runs() - before]
        return any(
            f'"{phase}"' in line and "phase" in line
            for journal in journals
            if journal.exists()
            for line in journal.read_text(encoding="utf-8").splitlines()
        )

    @contextmanager
    def when(self, phase: str, action: Callable[[], object]) -> Iterator[None]:
        """Do it once when the run inside the block enters the phase."""
        before, done = self.runs(), threading.Event()

        def watch() -> None:
            while not done.is_set():
                if self.phase_began(phase, before):
                    action()
                    return
                time.sleep(0.05)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join(timeout=30)

    def assert_nothing_left(self) -> None:
        """No sandbox container, no open run, and an evidence log that verifies against its anchor."""
        assert self.lab.sandboxes() == []
        verified = self.lab.run("drillbook", "evidence", "verify", "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.fixture(scope="session")
def drills(committed: Lab, tmp_path_factory: pytest.TempPathFactory) -> Drills:
    return Drills(committed, tmp_path_factory.mktemp("drills"))


class Bucket:
    """The repository's bucket through a credential of the store, as an attacker or an accident has it."""

    def __init__(self, lab: Lab, user: str, name: str) -> None:
        store = lab.variables["drillbook_object_store"]
        keys = json.loads((lab.state / f"secrets/object_store/{user}.json").read_text(encoding="utf-8"))
        self.name = name
        self.client = boto3.client(
            "s3",
            endpoint_url=store["endpoint"],
            region_name=store["region"],
            aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"],
            verify=store["ca_file"],
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def keys(self, prefix: str) -> list[tuple[str, int]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [(entry["Key"], entry["Size"]) for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def put(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def copy(self, key: str, to: str) -> None:
        """Inside the store; the copy is a new object with a new date."""
        self.client.copy_object(Bucket=self.name, Key=to, CopySource={"Bucket": self.name, "Key": key})

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="session")
def repository(drills: Drills) -> Bucket:
    return Bucket(drills.lab, "repository_writer", "repository")


@pytest.fixture(scope="session")
def replaced(repository: Bucket) -> Callable[[str, bytes | None], Any]:
    """Replaces an object (or removes it: None) for the length of a block and puts the old bytes back."""

    @contextmanager
    def replace(key: str, body: bytes | None) -> Iterator[None]:
        before = repository.get(key)
        if body is None:
            repository.delete(key)
        else:
            repository.put(key, body)
        try:
            yield
        finally:
            repository.put(key, before)

    return replace


SEGMENT = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class SegmentObject:
    """A segment of WAL, and the key of the object that it is archived in."""

    key: str
    name: str


@pytest.fixture
def leader(drills: Drills, host: Callable[[str], Host]) -> Host:
    """The cluster's leader, over ssh."""
    return host(drills.lab.leader())


@pytest.fixture
def archived(drills: Drills, repository: Bucket, leader: Host) -> SegmentObject:
    """A segment that no backup needs to be whole, and not the last."""
    end_segments(leader, 3)
    wait_until_archived(leader)
    stop = max(str(entry["archive"]["stop"]) for entry in backup_sets(drills.lab))
    found = [
        SegmentObject(key, match[1])
        for key, _size in sorted(repository.keys("pgbackrest/archive/main/"))
        if (match := SEGMENT.search(key)) and match[1] > stop
    ]
    return found[-2]
