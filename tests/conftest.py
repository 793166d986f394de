"""The lab as tests see it. scripts/test names it (DRILLBOOK_LAB); the first test that asks for it raises it, the last one takes it down."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import hypothesis
import pytest
import testinfra

from drillbook import process
from drillbook.errors import DrillbookError
from drillbook_lab.lab import Lab, Recap
from drillbook_lab.traffic import AcknowledgedCommits
from drillbook_lab.traffic.under_load import BackgroundWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

    from testinfra.host import Host

# How long an example takes says something about the machine, not about the code.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

# A line for each request: pages, in which a failure's own words are not found.
logging.getLogger("werkzeug").setLevel(logging.WARNING)

ROOT = Path(__file__).resolve().parent.parent
JOURNAL_LINES = 40
JOURNAL_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Platform:
    """The configured platform and how it came to be; of a lab that was kept (`--keep`) nothing is known.

    ``check`` is there where a test asks for it, by the fixture ``predicted``.
    """

    lab: Lab
    check: Recap | None
    converge: Recap | None


class ArgumentSampler:
    """Reads the argument lists of all processes, the containers' included, ten times a second.

    A process that has been there for half a second is looked at once a second: it may yet become another program.
    """

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    @property
    def seen(self) -> frozenset[bytes]:
        """All so far; the thread goes on."""
        return frozenset(self._seen)

    def _sample(self) -> None:
        turns: dict[Path, int] = {}
        while not self._stop.wait(0.1):
            turns = {path: turns.get(path, 0) + 1 for path in Path("/proc").iterdir() if path.name.isdigit()}
            for path, turn in turns.items():
                if turn <= 5 or turn % 10 == 0:
                    try:
                        self._seen.add((path / "cmdline").read_bytes())
                    except OSError:
                        continue  # it has ended

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="session")
def sampler() -> Iterator[ArgumentSampler]:
    """What any process was started with, from before the platform was configured to the end."""
    with ArgumentSampler() as started:
        yield started


@pytest.fixture(scope="session")
def repeat() -> int:
    """How often a test that measures repeats itself: once, and DRILLBOOK_REPEAT times under `scripts/test --all`."""
    return int(os.environ.get("DRILLBOOK_REPEAT", "1"))


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Shows a figure that a test measured (and doesn't judge) at the end of the run."""
    return request.session.config.stash.setdefault(FIGURES, []).append


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Fresh hosts, reachable by ssh, with nothing configured."""
    prefix = os.environ.get("DRILLBOOK_LAB")
    if not prefix:
        pytest.fail("DRILLBOOK_LAB is not set: start these tests with scripts/test.", pytrace=False)
    # Tests ask what the newest backup is, and which were taken: none comes in between by itself.
    os.environ["DRILLBOOK_LAB_TIMED_BACKUPS"] = "no"
    made = Lab(ROOT, prefix, ROOT / ".lab" / f"{prefix}-logs")
    request.session.stash[LAB] = made
    request.session.stash[KEPT] = made.exists()
    made.playbook("lab/up")
    yield made
    if os.environ.get("DRILLBOOK_KEEP") != "true":
        made.playbook("lab/down")


@pytest.fixture(scope="session")
def platform(
    lab: Lab, sampler: ArgumentSampler, figure: Callable[[str], None], request: pytest.FixtureRequest
) -> Platform:
    """The platform after `site.yml`. Where a test asks what was predicted, its hosts were dirty, and check mode saw them first."""
    if request.session.stash[KEPT]:
        lab.playbook("site")
        return Platform(lab=lab, check=None, converge=None)
    check = None
    if any("predicted" in getattr(item, "fixturenames", ()) for item in request.session.items):
        dirty = lab.run(
            "ansible-playbook", "-i", "inventories/lab", "-i", "molecule/cluster/inventory.yml", "molecule/shared/prepare.yml"
        )  # fmt: skip
        assert dirty.returncode == 0, dirty.stdout
        check = lab.playbook("site", "--check")
        figure(f"site.yml, check: {check.seconds:.0f} s")
    converge = lab.playbook("site")
    figure(f"site.yml, converge: {converge.seconds:.0f} s")
    return Platform(lab=lab, check=check, converge=converge)


@pytest.fixture(scope="session")
def predicted(platform: Platform) -> Recap:
    """What check mode said of fresh and dirty hosts."""
    if platform.check is None:
        pytest.skip("the lab was kept, so its hosts are not fresh")
    return platform.check


@pytest.fixture(scope="session")
def cold(platform: Platform) -> str:
    """A tablespace of the service's, in the place that the inventory declares. From then on every backup has one."""
    leader = connect(platform.lab, platform.lab.leader())
    psql = "runuser -u postgres -- psql -XAtq --command=%s postgres"
    if leader.check_output(psql, "select 1 from pg_tablespace where spcname = 'cold'") != "1":
        leader.check_output(psql, f"create tablespace cold owner app location '{COLD}'")
    return "cold"


@pytest.fixture(scope="session")
def committed(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab with what a drill finds: rows that were acknowledged, a full backup, archived WAL behind it, fingerprints before both."""
    lab = platform.lab
    with BackgroundWriter(lab, AcknowledgedCommits(tmp_path_factory.mktemp("committed") / "acknowledged.tsv")):
        time.sleep(20)
        lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
        time.sleep(25)
    return lab


@pytest.fixture(scope="session")
def playbook(lab: Lab) -> Callable[..., Recap]:
    """Runs a playbook that must succeed: ``playbook("backup_postgresql", type="full")``; keywords become extra variables."""

    def run(name: str, *arguments: str, **variables: Any) -> Recap:
        return lab.playbook(name, *arguments, variables=variables)

    return run


def wanting(record: dict[str, Any]) -> list[str]:
    """Everything that a run did not prove, but for its RTO: the lab's is tight, and a test must not fail on a busy machine."""
    found = [
        f"{check['name']}: {check['actual']} {check['message']}"
        for check in record["checks"]
        if check["status"] != "passed"
    ]
    if record["error"]:
        found.append(record["error"]["message"])
    return [*found, *(f"RPO {track['rpo']}" for track in record["tracks"] if track["rpo"]["met"] is False)]


def backup_sets(lab: Lab) -> list[dict[str, Any]]:
    """What pgBackRest's info lists of the service, oldest first."""
    answer = connect(lab, lab.leader()).check_output(
        "runuser -u postgres -- pgbackrest --stanza=main --output=json info"
    )
    sets: list[dict[str, Any]] = json.loads(answer)[0]["backup"]
    return sets


def connect(lab: Lab, name: str) -> Host:
    """A lab host over ssh, with the lab's key and pinned host keys."""
    address = next(iter(lab.variables["lab_hosts"][name].values()))
    return testinfra.get_host(
        f"ssh://root@{address}",
        ssh_identity_file=lab.variables["ansible_ssh_private_key_file"],
        ssh_extra_args=lab.variables["ansible_ssh_common_args"],
    )


@pytest.fixture(scope="session")
def host(lab: Lab) -> Callable[[str], Host]:
    """A lab host for testinfra: ``host("db1").service("patroni").is_running``."""
    return lambda name: connect(lab, name)


def end_segments(leader: Host, count: int) -> None:
    """Write something and begin a new segment, so many times."""
    psql = "runuser -u postgres -- psql -XAtq --command=%s postgres"
    for _ in range(count):
        leader.check_output(psql, "select pg_logical_emit_message(true, 'test', 'x')")
        leader.check_output(psql, "select pg_switch_wal()")


def wait_until_archived(leader: Host, seconds: float = 60) -> None:
    """Wait until no finished segment waits; after failures PostgreSQL pauses for up to a minute before it tries again."""
    query = "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'"
    deadline = time.monotonic() + seconds
    while (waiting := leader.check_output("runuser -u postgres -- psql -XAtq --command=%s postgres", query)) != "0":
        assert time.monotonic() < deadline, f"{waiting} segments are not archived"
        time.sleep(1)


@pytest.fixture(scope="session")
def silent_store(host: Callable[[str], Host]) -> Callable[[], AbstractContextManager[None]]:
    """The object store answers nobody for the length of a block: ``with silent_store(): ...``.

    Its packets are dropped. To pause its container would freeze Ceph with it, and once its OSD did not answer any more afterwards.
    """

    @contextmanager
    def silence() -> Iterator[None]:
        store = host("store1")
        store.check_output("printf %s | nft -f -", SILENCE)
        try:
            yield
        finally:
            store.check_output("nft delete table inet silence")

    return silence


# Before every other rule of the host, so that open connections fall silent, too.
SILENCE = """
table inet silence {
  chain input { type filter hook input priority -500; policy accept; tcp dport 7480 drop; }
}
"""

COLD = "/srv/tablespaces/cold"

LAB = pytest.StashKey[Lab]()
KEPT = pytest.StashKey[bool]()
FIGURES = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The figures that tests measured."""
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test that used the lab shows what its hosts logged last."""
    report = yield
    lab = item.session.stash.get(LAB, None)
    if report.failed and lab is not None and "lab" in getattr(item, "fixturenames", ()):
        for name in running_hosts(lab):
            report.sections.append((f"journal of {name}", journal_tail(lab, name)))
    return report


def running_hosts(lab: Lab) -> list[str]:
    """The lab's hosts whose containers run now."""
    try:
        listed = lab.podman("ps", "--format", "{{.Names}}", "--filter", f"name=^{lab.prefix}-")
    except DrillbookError as error:
        return [f"(podman: {error})"]
    return sorted(name.removeprefix(f"{lab.prefix}-") for name in listed.stdout.split())


def journal_tail(lab: Lab, name: str) -> str:
    """The last lines of a host's journal; a host that does not answer is no reason to lose the report."""
    argv = ("podman", "exec", lab.container(name), "journalctl", "--no-pager", f"--lines={JOURNAL_LINES}")
    environment = {**lab.environment, "CONTAINERS_CONF": str(lab.state / "containers.conf")}
    try:
        return process.run(argv, timeout=JOURNAL_TIMEOUT, environment=environment).stdout
    except DrillbookError as error:
        return str(error)
