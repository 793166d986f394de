"""One world per kind: how its drill is run, and how its backups are spoilt. What is asked of all of them stands in test_kinds.py."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from tests.conftest import wanting
from tests.contract.machine_drills.driver import Driver
from tests.contract.machine_drills.world import HEARTBEAT, HOSTS
from tests.support.fake_kind.world import GROUP
from tests.support.fake_kind.world import SERVICE as LETTERS

from drillbook.errors import DrillbookError
from drillbook.evidence import Signer, verify_log
from drillbook.model import Heartbeat, PointRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.contract.machine_drills.world import DrillWorld
    from tests.faults.conftest import Bucket, Drills
    from tests.support.fake_kind.world import FakeWorld


@dataclass(frozen=True, slots=True)
class Result:
    """A run that came to its end: exit code and record."""

    code: int
    record: dict[str, Any]

    def why(self) -> str:
        """Everything that the record says about why it is not green."""
        return " | ".join([*wanting(self.record), (self.record["error"] or {}).get("remedy", "")])

    def failed(self) -> list[str]:
        return [check["name"] for check in self.record["checks"] if check["status"] == "failed"]


def refused(said: str) -> dict[str, Any]:
    """In the place of a record, where an order was refused before there was a run."""
    return {"error": {"message": " ".join(said.split())}}


class Subject(Protocol):
    """A kind with a service, a drill and good backups; ``damage_says`` is the pattern of what a drill says of a damaged one."""

    kind: str
    group: str
    phases: tuple[str, ...]
    damage_says: str

    def drill(self, point: str | None = None) -> Result: ...

    def damaged(self) -> AbstractContextManager[None]: ...

    def too_old(self) -> AbstractContextManager[None]: ...

    def restore(self, confirm: str) -> Result: ...

    def recovery_points(self) -> dict[str, Any]: ...

    def left(self) -> list[str]: ...

    def evidence_is_whole(self) -> bool: ...


ROLES = ("declare", "provision", "select", "thaw", "transfer", "replay", "start", "verify", "prove", "teardown")


class Whole(Subject, Protocol):
    """One whose world is the tests' own: its backups can be without a heartbeat, and its hosts are lost for nothing."""

    def without_heartbeat(self) -> AbstractContextManager[None]: ...


class FakeSubject:
    """The kind of the tests."""

    kind = "fake"
    group = GROUP
    phases = ROLES
    damage_says = "the checksum of 2-new is wrong: the backup is damaged"

    def __init__(self, world: FakeWorld) -> None:
        self._world = world

    def drill(self, point: str | None = None) -> Result:
        ran = self._world.run(*(("--point", point) if point else ()))
        return Result(ran.code, ran.output)

    @contextmanager
    def damaged(self) -> Iterator[None]:
        self._world.change(lambda part: part.update(count=99), sealed=False)
        yield

    @contextmanager
    def without_heartbeat(self) -> Iterator[None]:
        self._world.change(lambda part: part.update(heartbeat=None))
        yield

    @contextmanager
    def too_old(self) -> Iterator[None]:
        self._world.heartbeat_age = 120
        self._world.fill()
        yield

    def restore(self, confirm: str) -> Result:
        ran = self._world.call("restore", LETTERS, "--in-place", "--confirm", confirm)
        return Result(ran.code, ran.output if "verdict" in ran.output else refused(ran.said))

    def recovery_points(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._world.call("recovery-points", LETTERS).output
        return answer

    def left(self) -> list[str]:
        return self._world.left()

    def evidence_is_whole(self) -> bool:
        return self._world.evidence()[-1] == "closed"


class MachinesSubject:
    """Whole machines, on the test server of Proxmox VE."""

    kind = "machines"
    group = "shop"
    phases = ("declare", "select", "transfer", "start", "verify", "prove", "teardown")
    damage_says = "unable to read|can't be read"

    def __init__(self, world: DrillWorld) -> None:
        self._world = world
        now = datetime.now(UTC)
        published = tuple(Heartbeat(host, 7, now - timedelta(seconds=5), now, now) for host in HOSTS)
        self._driver = Driver(world.inventory(), published)

    def drill(self, point: str | None = None) -> Result:
        outcome = self._driver.run(point=PointRequest.parse(point) if point else None)
        return Result(outcome.exit_code, dict(outcome.record))

    @contextmanager
    def damaged(self) -> Iterator[None]:
        for volume in self._world.server.state.volumes.values():
            if volume.content == "backup":
                self._world.control.backup(volume.volid, damaged=True)
        yield

    @contextmanager
    def without_heartbeat(self) -> Iterator[None]:
        self._world.write("shop-web1", HEARTBEAT, "{")
        self._world.back_up("shop-web1")
        yield

    @contextmanager
    def too_old(self) -> Iterator[None]:
        """An old disk in a new backup: it is judged by what is on the disk."""
        self._world.beat("shop-db", age=5000)
        self._world.back_up("shop-db")
        yield

    def restore(self, confirm: str) -> Result:
        try:
            outcome = self._driver.restore(*HOSTS, confirm=confirm)
        except DrillbookError as error:
            return Result(error.exit_code, refused(str(error)))
        return Result(outcome.exit_code, dict(outcome.record))

    def recovery_points(self) -> dict[str, Any]:
        return self._driver.recovery_points().as_json()

    def left(self) -> list[str]:
        return [str(vmid) for vmid in self._world.drill_guests()]

    def evidence_is_whole(self) -> bool:
        state = self._driver.state
        report = verify_log(state / "evidence", Signer.load_or_create(state / "key.pem").public_key_pem())
        return [found.kind for found in report.findings] == ["tail-not-anchored"] and self._driver.kinds()[
            -1
        ] == "closed"


class PostgresqlSubject:
    """PostgreSQL's cluster of the lab. A drill without a heartbeat, and a whole restore in place, are made by the kind's own tests."""

    kind = "postgresql"
    group = "postgresql_main"
    phases = ROLES
    damage_says = r"The backup set \S+F of stanza main is damaged"
    _copy = "copied-again/"

    def __init__(
        self, drills: Drills, repository: Bucket, replaced: Callable[[str, bytes | None], AbstractContextManager[None]]
    ) -> None:
        self._drills = drills
        self._repository = repository
        self._replaced = replaced
        self._overlay: dict[str, Any] = {}

    def drill(self, point: str | None = None) -> Result:
        ran = self._drills.run(*(("--point", point) if point else ()), **self._overlay)
        return Result(ran.code, ran.record)

    @contextmanager
    def damaged(self) -> Iterator[None]:
        """Sixty-four flipped bits in the largest file of the newest full backup: a single one may change nothing that a frame holds."""
        files = [
            entry
            for entry in self._repository.keys("pgbackrest/backup/main/")
            if re.search(r"/\d{8}-\d{6}F/bundle/", entry[0])
        ]
        newest = max(key.split("/")[3] for key, _size in files)
        key = max((entry for entry in files if newest in entry[0]), key=lambda entry: entry[1])[0]
        body = bytearray(self._repository.get(key))
        middle = len(body) // 2
        body[middle : middle + 64] = bytes(byte ^ 1 for byte in body[middle : middle + 64])
        with self._replaced(key, bytes(body)):
            yield

    @contextmanager
    def too_old(self) -> Iterator[None]:
        """Every object of the copy is dated now, and all of it restores; its newest heartbeat still says how old it is."""
        for key, _size in self._repository.keys("pgbackrest/"):
            self._repository.copy(key, self._copy + key)
        self._overlay = {
            "host_sandbox1": {"lab_repository_path": f"/{self._copy}pgbackrest"},
            **self._drills.promising(rpo_seconds=33),
        }
        try:
            time.sleep(36)  # production goes on meanwhile
            yield
        finally:
            self._overlay = {}
            for key, _size in self._repository.keys(self._copy):
                self._repository.delete(key)

    def restore(self, confirm: str) -> Result:
        ran = self._drills.lab.run("drillbook", "restore", "main", "--in-place", "--confirm", confirm)
        return Result(ran.returncode, refused(ran.stdout + ran.stderr))

    def recovery_points(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self._drills.lab.run("drillbook", "recovery-points", "main", "--json").stdout
        )
        return answer

    def left(self) -> list[str]:
        return self._drills.lab.sandboxes()

    def evidence_is_whole(self) -> bool:
        return self._drills.lab.run("drillbook", "evidence", "verify", "--json").returncode == 0
