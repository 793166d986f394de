"""No secret of the lab in any output, journal, record, runner artefact, argument list or world-readable file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from tests.conftest import ArgumentSampler, Platform
    from tests.faults.conftest import Drills

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab

PLACES = "/etc /run /tmp /usr/local /var/lib /var/log /var/spool"


def secrets(lab: Lab) -> set[str]:
    """Every password and key of the lab, from the files that hold them."""
    found = set()
    for path in (lab.state / "secrets").rglob("*"):
        if path.suffix == ".json":
            found.add(json.loads(path.read_text(encoding="utf-8"))["secret_key"])
        elif path.is_file() and path.suffix != ".pem":
            found.add(path.read_text(encoding="utf-8").split()[0])
    assert len(found) >= 8, "the lab's secrets were not found, so nothing would be looked for"
    return found


@pytest.fixture
def arguments(drills: Drills, sampler: ArgumentSampler) -> frozenset[bytes]:
    """Argument lists seen so far: while the platform was configured, backed up, drilled and restored."""
    if not any(b"playbooks/prove.yml" in line for line in sampler.seen):
        drills.run()  # these tests were selected alone
    assert any(b"pgbackrest\0" in line for line in sampler.seen), "nothing of the containers was seen"
    return sampler.seen


def test_no_secret_in_an_argument_list(platform: Platform, arguments: frozenset[bytes]) -> None:
    known = [secret.encode() for secret in secrets(platform.lab)]
    assert len(arguments) > 200
    assert not [line for line in arguments if any(secret in line for secret in known)]


def test_no_secret_in_outputs_journals_and_evidence(platform: Platform, drills: Drills) -> None:
    lab = platform.lab
    known = secrets(lab)
    files = [
        path
        for place in (lab.root / ".lab" / f"{lab.prefix}-logs", lab.state / "state")
        for path in place.rglob("*")
        if path.is_file()
    ]
    assert len(files) > 10
    found = [
        path for path in files if any(secret in path.read_text(encoding="utf-8", errors="replace") for secret in known)
    ]
    assert not found


def test_the_files_that_hold_secrets_are_their_owners_alone(platform: Platform) -> None:
    open_files = [
        path for path in (platform.lab.state / "secrets").rglob("*") if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert not open_files


@pytest.mark.parametrize("name", [*DATABASE_HOSTS, "lb1", "store1"])
def test_no_secret_in_a_world_readable_file(platform: Platform, name: str) -> None:
    lab = platform.lab
    patterns = lab.state / "patterns"
    patterns.touch(mode=0o600)
    patterns.write_text("\n".join(sorted(secrets(lab))) + "\n", encoding="utf-8")
    container = lab.container(name)
    lab.podman("cp", str(patterns), f"{container}:/root/patterns")
    try:
        search = f"find {PLACES} -xdev -type f -perm /004 -size -20M -exec grep -lFf /root/patterns {{}} +; true"
        assert lab.podman("exec", container, "grep", "-c", ".", "/root/patterns").stdout.strip() != "0"
        assert lab.podman("exec", container, "sh", "-c", search).stdout.split() == []
    finally:
        lab.podman("exec", container, "rm", "-f", "/root/patterns")
        patterns.unlink()
