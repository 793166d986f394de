"""The heartbeat inside a machine: what is acknowledged, what is published, and from where it goes on."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from tests.support.moto_server import moto_server

from drillbook.model import Heartbeat, ObjectStore, parse_instant
from drillbook.stores.s3 import S3Heartbeats

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

FILES = Path(__file__).parents[3] / "roles/backup_agent/files"
MOMENTS = ("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:02Z", "2026-01-31T11:59:30Z", "2026-01-31T12:00:06Z")


@pytest.fixture
def program(agent_modules: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The agent as the host runs it, with the driver's clock in the test's hand."""
    clock = iter(MOMENTS)
    monkeypatch.setattr(agent_modules("kinds.machines"), "utc_now", lambda: next(clock))
    return agent_modules("agent")


class Store:
    """Keeps what is put, or is away."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.away = False

    def put_object(self, **call: Any) -> None:
        if self.away:
            raise EndpointConnectionError(endpoint_url="https://store")
        self.objects[call["Bucket"], call["Key"]] = json.loads(call["Body"])


class World:
    """A machine's disk, and the agent started on it as often as wanted."""

    def __init__(self, program: ModuleType, directory: Path) -> None:
        self.program = program
        self.file = directory / "drillbook" / "heartbeat.json"
        self.log = directory / "heartbeat-shop.jsonl"
        self.begun = directory / "begun"
        self.store = Store()
        self.file.parent.mkdir()

    def start(self) -> Any:
        """Start the agent."""
        bucket = {"bucket": "heartbeat", "endpoint": "https://store", "region": "default", "ca_file": None}
        settings = {"service": "shop", "kind": "machines", "host": "web1", "file": str(self.file), "store": bucket}
        secrets = {"access_key": "a", "secret_key": "s"}
        publisher = self.program.Publisher(settings, secrets)
        publisher.client = self.store
        log = self.program.AcknowledgedLog(self.log, host="web1")
        return self.program.Agent(settings, secrets, publisher, log, self.begun)

    def boot(self) -> Any:
        """Start the machine: what is kept for the length of a start is gone."""
        self.begun.unlink(missing_ok=True)
        return self.start()

    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def acknowledged(self) -> list[int]:
        return [json.loads(line)["counter"] for line in self.log.read_text().splitlines()]

    def published(self) -> dict[str, Any]:
        return self.store.objects["heartbeat", "shop/web1.json"]


@pytest.fixture
def world(program: ModuleType, tmp_path: Path) -> World:
    return World(program, tmp_path)


def test_the_newest_is_kept_logged_and_published_as_drills_read_it(world: World) -> None:
    agent = world.start()
    agent.beat()
    agent.beat()
    agent.publish()
    kept = {
        "schema": "drillbook.heartbeat/1",
        "service": "shop",
        "host": "web1",
        "counter": 2,
        "written_at": MOMENTS[1],
    }
    assert world.kept() == {**kept, "before_start": None}
    assert world.acknowledged() == [1, 2]
    assert {key: world.published()[key] for key in kept} == kept
    read = Heartbeat.from_fact({**world.published(), "last_modified": world.published()["published_at"]})
    assert (read.host, read.counter, read.written_at) == ("web1", 2, parse_instant(MOMENTS[1], where="test"))
    assert read.published_at is not None
    assert sorted(path.name for path in world.file.parent.iterdir()) == ["heartbeat.json"]
    assert world.file.stat().st_mode & 0o777 == 0o644


def test_each_names_the_one_that_the_machines_start_has_found(world: World) -> None:
    """Also when the agent is started again meanwhile, and has found a newer one."""
    world.start().beat()
    agent = world.boot()
    agent.publish()
    agent.beat()
    found = {"counter": 1, "written_at": MOMENTS[0]}
    assert (world.kept()["counter"], world.kept()["before_start"]) == (2, found)
    world.start().beat()
    assert (world.kept()["counter"], world.kept()["before_start"]) == (3, found)


def test_nothing_is_published_before_the_first(world: World) -> None:
    world.start().publish()
    assert world.store.objects == {}


@pytest.mark.parametrize(("seconds", "puts"), [(0.1, 1), (2.1, 2)])
def test_what_the_store_took_slowly_is_published_again(
    world: World, agent_modules: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, seconds: float, puts: int
) -> None:
    """A packet was lost: the store's date is 2.1 s later than this host's, whose clock is right."""
    now = [0.0]

    def put_object(**_call: Any) -> None:
        now.append(now[-1] + (seconds if len(now) == 1 else 0.1))

    monkeypatch.setattr(world.store, "put_object", put_object)
    monkeypatch.setattr(agent_modules("publishing").time, "monotonic", lambda: now[-1])
    agent = world.start()
    agent.beat()
    agent.publish()
    assert len(now) - 1 == puts


@pytest.mark.parametrize("torn", ['{"schema": "drillbook.heartbeat/1", "count', "", "[]", '{"counter": "x"}', None])
def test_with_a_torn_or_lost_file_it_goes_on_from_the_log(world: World, torn: str | None) -> None:
    first = world.start()
    first.beat()
    first.beat()
    world.log.write_text(world.log.read_text() + '{"counter": 99')  # nor is the log's last line whole
    if torn is None:
        world.file.unlink()
    else:
        world.file.write_text(torn)
    world.start().beat()
    assert world.kept()["counter"] == 3


def test_it_goes_on_from_a_log_that_was_turned_over(world: World) -> None:
    world.start().beat()
    world.log.rename(world.log.with_name(f"{world.log.name}.1"))
    world.file.unlink()
    world.start().beat()
    assert world.kept()["counter"] == 2


def test_a_clock_that_is_set_back_does_not_set_the_counter_back(world: World) -> None:
    agent = world.start()
    for _ in range(3):
        agent.beat()
    assert (world.kept()["counter"], world.kept()["written_at"]) == (3, MOMENTS[2])


def full(*_arguments: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_what_can_not_be_kept_is_neither_acknowledged_nor_published(
    world: World, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    agent = world.start()
    agent.beat()
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full) if failing == "fsync" else patch.setattr(Path, failing, full)
        with pytest.raises(OSError, match="No space left"):
            agent.beat()
    agent.publish()
    assert (world.kept()["counter"], world.acknowledged(), world.published()["counter"]) == (1, [1], 1)
    assert sorted(path.name for path in world.file.parent.iterdir()) == ["heartbeat.json"]
    agent.beat()
    assert (world.kept()["counter"], world.acknowledged()) == (2, [1, 2])


def test_a_real_full_disk(world: World) -> None:
    """/dev/full answers each write with ENOSPC."""
    agent = world.start()
    agent.beat()
    world.file.with_name(".heartbeat.json.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        agent.beat()
    assert (world.kept()["counter"], world.acknowledged()) == (1, [1])


def test_before_it_is_acknowledged_file_and_directory_are_on_the_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    synced: Callable[[int], None] = os.fsync

    def fsync(descriptor: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}, log: {world.log.exists()}")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    world.start().beat()
    assert done == ["fsync .heartbeat.json.new, log: False", "fsync drillbook, log: False"]


def test_a_heartbeat_whose_place_in_the_directory_is_not_sure_is_counted_and_not_acknowledged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = world.start()
    agent.beat()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(OSError, match="No space left"):
            agent.beat()
    agent.publish()
    assert (world.kept()["counter"], world.published()["counter"]) == (2, 1)
    agent.beat()
    assert (world.kept()["counter"], world.acknowledged()) == (3, [1, 3])


def test_a_copy_in_isolation_leaves_its_file_as_the_backup_had_it(world: World) -> None:
    world.start().beat()
    as_backed_up = world.file.read_text()
    world.store.away = True
    copy = world.boot()
    for _ in range(2):
        copy.beat()
        with pytest.raises(EndpointConnectionError):
            copy.publish()
    assert world.file.read_text() == as_backed_up
    assert world.acknowledged() == [1]


def test_a_machine_that_was_started_goes_on_once_the_store_has_its_newest(world: World) -> None:
    world.start().beat()
    machine = world.boot()
    machine.beat()
    assert world.kept()["counter"] == 1
    machine.publish()
    machine.beat()
    assert (world.published()["counter"], world.kept()["counter"]) == (1, 2)


def test_without_the_store_an_agent_that_is_started_again_goes_on_at_once(world: World) -> None:
    world.start().beat()
    world.store.away = True
    world.start().beat()
    assert world.kept()["counter"] == 2


def test_the_program_publishes_what_the_reader_of_drills_reads(tmp_path: Path) -> None:
    """As the unit starts it, with a store on this machine."""
    with moto_server() as address:
        store = {"endpoint": address, "region": "us-east-1", "bucket": "heartbeat", "ca_file": None}
        keys = {"access_key": "a", "secret_key": "s"}
        settings = {
            "service": "shop", "kind": "machines", "host": "web1", "file": str(tmp_path / "heartbeat.json"), "store": store,
            "interval_seconds": 0.1, "publish_interval_seconds": 0.1,
        }  # fmt: skip
        for name, content in {"settings": settings, "secrets": keys}.items():
            (tmp_path / name).write_text(json.dumps(content))
        client = boto3.client(
            "s3", endpoint_url=store["endpoint"], region_name="us-east-1",
            aws_access_key_id="a", aws_secret_access_key="s",
        )  # fmt: skip
        client.create_bucket(Bucket="heartbeat")
        environment = {**os.environ, "LOGS_DIRECTORY": str(tmp_path), "RUNTIME_DIRECTORY": str(tmp_path)}
        command = [sys.executable, str(FILES / "agent.py"), tmp_path / "settings", tmp_path / "secrets"]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as agent:
            found = read_until(client, counter=3)
            agent.terminate()
    kept = json.loads((tmp_path / "heartbeat.json").read_text())
    assert kept["counter"] >= found.counter
    assert found.published_at is not None
    assert found.written_at <= found.published_at


def read_until(client: Any, *, counter: int) -> Heartbeat:
    place = ObjectStore(
        endpoint="", region="", ca_file=None, repositories={}, evidence_bucket="",
        heartbeat_bucket="heartbeat", credentials_directory=Path("/"),
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while True:
        found = S3Heartbeats(place, "repository_reader", client).published("shop", ("web1",)).beats
        if found and found[0].counter >= counter:
            return found[0]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_all_else_begins_after_the_first_heartbeat(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it nothing is there to publish, no driver knows whether its server is the primary, and a turn is lost."""
    done: list[str] = []
    settings = {
        "service": "shop",
        "kind": "played",
        "host": "web1",
        "interval_seconds": 1,
        "publish_interval_seconds": 1,
    }
    for name, content in {"settings": settings, "secrets": {}}.items():
        (tmp_path / name).write_text(json.dumps(content))
    chore = sys.modules["kinds"].Chore(lambda: done.append("chore"), 1, "no chore")
    played = SimpleNamespace(found=None, failures=(), beat=lambda: done.append("beat"), chores=lambda: [chore])
    monkeypatch.setitem(sys.modules, "kinds.played", SimpleNamespace(Heartbeat=lambda *_arguments: played))  # type: ignore[arg-type] # as much of a module as is read
    monkeypatch.setattr(program, "Publisher", lambda *_arguments: None)
    monkeypatch.setattr(program, "begin", lambda begun, _failures: done.append("thread") or begun.work())
    monkeypatch.setattr(program, "repeat", lambda beating, _failures: beating.work())
    monkeypatch.setattr(program.threading, "excepthook", None)
    monkeypatch.setattr(sys, "argv", ["agent.py", str(tmp_path / "settings"), str(tmp_path / "secrets")])
    monkeypatch.setenv("LOGS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    program.main()
    assert done == ["beat", "thread", "thread", "chore", "beat"]
