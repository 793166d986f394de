"""What the scenarios' tests ask: hosts by ssh, ports from outside, playbooks that must be refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

ROOT = Path(__file__).resolve().parent.parent
INVENTORY = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", "/nonexistent")) / "hosts.json"
JOURNAL_LINES = 40


def hosts_file() -> dict[str, Any]:
    """What create.yml wrote; without it there is nothing to test."""
    if not INVENTORY.exists():
        pytest.exit(f"{INVENTORY} is missing: these tests run in `molecule verify`, after `molecule converge`.", 3)
    read: dict[str, Any] = json.loads(INVENTORY.read_text(encoding="utf-8"))
    return read


def reach(name: str) -> Host:
    """A host of the scenario over ssh, with the lab's key and pinned host keys."""
    known = hosts_file()
    address = next(iter(known["addresses"][name].values()))
    return testinfra.get_host(
        f"ssh://root@{address}",
        ssh_identity_file=known["ssh_identity_file"],
        ssh_extra_args=known["ssh_extra_args"],
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``name`` or ``host`` is run for each host that was converged, unless it names its own."""
    named = [marker.args[0] for marker in metafunc.definition.iter_markers("parametrize")]
    if "name" in metafunc.fixturenames and not any("name" in arguments for arguments in named):
        metafunc.parametrize("name", hosts_file()["converged"], scope="session")


@pytest.fixture(scope="session")
def name(request: pytest.FixtureRequest) -> str:
    """The name of the host under test."""
    return str(request.param)


@pytest.fixture
def host(name: str) -> Host:
    """The host under test."""
    return reach(name)


@pytest.fixture(scope="session")
def connect() -> Callable[[str], Host]:
    """Any host of the scenario: ``connect("deb12")``."""
    return reach


@pytest.fixture
def address(name: str) -> str:
    """Its address in production."""
    return str(hosts_file()["addresses"][name]["production"])


@pytest.fixture(scope="session")
def addresses() -> dict[str, dict[str, str]]:
    """The legs of each host of the scenario."""
    found: dict[str, dict[str, str]] = hosts_file()["addresses"]
    return found


@pytest.fixture(scope="session")
def state() -> Path:
    """The lab's state on this machine: authority, secrets, keys."""
    return Path(hosts_file()["state"])


@pytest.fixture(scope="session")
def secret(state: Path) -> Callable[[str], str]:
    """A secret that the inventory made: ``secret("postgresql_app")``."""
    return lambda name: (state / "secrets" / name).read_text(encoding="utf-8").split()[0]


def reachable(address: str, port: int, seconds: float = 3) -> bool:
    """Whether a client on this machine gets a connection; a refusal may only mean that the service is still starting."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            socket.create_connection((address, port), timeout=left).close()
        except ConnectionRefusedError:
            time.sleep(0.2)
        except OSError:
            return False
        else:
            return True
    return False


@pytest.fixture(scope="session")
def answers() -> Callable[..., bool]:
    """Whether a client from outside gets a connection: ``answers(address, 5000)``."""
    return reachable


@dataclass(frozen=True, slots=True)
class Ended:
    """How a playbook ended."""

    status: int
    output: str


@pytest.fixture(scope="session")
def playbook() -> Callable[..., Ended]:
    """Runs a playbook of molecule/shared against the scenario's inventory: ``playbook("converge", role_variable=1)``."""

    def run(name: str, **variables: Any) -> Ended:
        scenario = ROOT / "molecule" / os.environ["MOLECULE_SCENARIO_NAME"]
        ended = subprocess.run(
            [  # noqa: S607 # the environment's own ansible-playbook
                "ansible-playbook",
                *(
                    f"--inventory={path}"
                    for path in (ROOT / "inventories/lab", ROOT / "molecule/shared/inventory/hosts.yml")
                ),
                f"--inventory={scenario / 'inventory.yml'}",
                f"--extra-vars={json.dumps({'lab_layers_enabled': False, **variables})}",
                str(ROOT / "molecule/shared" / f"{name}.yml"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Ended(ended.returncode, ended.stdout + ended.stderr)

    return run


@pytest.fixture(scope="session")
def refusal(playbook: Callable[..., Ended]) -> Callable[[str], str]:
    """What the role says on a host that it must refuse; it is an error where it says nothing."""

    def run(name: str) -> str:
        ended = playbook("refusal", molecule_refusing=name)
        assert ended.status != 0, f"the role took {name}:\n{ended.output}"
        # Long messages are folded.
        return " ".join(ended.output.split())

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows what its host logged last."""
    report = yield
    host = getattr(item, "funcargs", {}).get("host")
    if report.failed and host is not None:
        report.sections.append(("journal", host.run(f"journalctl --no-pager --lines={JOURNAL_LINES}").stdout))
    return report
