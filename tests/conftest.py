"""The lab as tests see it. scripts/test names it (DRILLBOOK_LAB); the first test that asks for it raises it, the last one takes it down."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import testinfra

from drillbook import process
from drillbook.demo.lab import Lab, Recap
from drillbook.errors import DrillbookError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host

ROOT = Path(__file__).resolve().parent.parent
JOURNAL_LINES = 40
JOURNAL_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Platform:
    """The configured platform and how it came to be."""

    lab: Lab
    check: Recap
    converge: Recap
    second: Recap


@pytest.fixture(scope="session")
def repeat() -> int:
    """How often a test that measures repeats itself: once, and DRILLBOOK_REPEAT times under `scripts/test --all`."""
    return int(os.environ.get("DRILLBOOK_REPEAT", "1"))


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Fresh hosts, reachable by ssh, with nothing configured."""
    prefix = os.environ.get("DRILLBOOK_LAB")
    if not prefix:
        pytest.fail("DRILLBOOK_LAB is not set: start these tests with scripts/test.", pytrace=False)
    made = Lab(ROOT, prefix, ROOT / ".lab" / f"{prefix}-logs")
    request.session.stash[LAB] = made
    made.playbook("lab_up")
    yield made
    if os.environ.get("DRILLBOOK_KEEP") != "true":
        made.playbook("lab_down")


@pytest.fixture(scope="session")
def platform(lab: Lab) -> Platform:
    """The platform after `site.yml`: checked on the fresh hosts, converged, and run a second time."""
    return Platform(
        lab=lab, check=lab.playbook("site", "--check"), converge=lab.playbook("site"), second=lab.playbook("site")
    )


@pytest.fixture(scope="session")
def playbook(lab: Lab) -> Callable[..., Recap]:
    """Runs a playbook that must succeed: ``playbook("backup_postgresql", type="full")``; keywords become extra variables."""

    def run(name: str, *arguments: str, **variables: Any) -> Recap:
        return lab.playbook(name, *arguments, variables=variables)

    return run


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


LAB = pytest.StashKey[Lab]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
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
