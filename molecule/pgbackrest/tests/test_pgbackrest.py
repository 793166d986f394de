"""What somebody notices who relies on the backups."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

STANZAS = {"deb13": "main", "full": "changed"}
HELPER = "/usr/local/lib/drillbook/pgbackrest-backup"


@pytest.fixture
def information(name: str, host: Host) -> Callable[[], dict[str, Any]]:
    """What pgBackRest says of the stanza."""

    def ask() -> dict[str, Any]:
        said = host.check_output(f"runuser -u postgres -- pgbackrest --stanza={STANZAS[name]} --output=json info")
        found: dict[str, Any] = json.loads(said)[0]
        return found

    return ask


def test_the_archive_works(name: str, host: Host) -> None:
    checked = host.run(f"runuser -u postgres -- pgbackrest --stanza={STANZAS[name]} check")
    assert checked.rc == 0, checked.stdout


def test_a_backup_is_taken_and_its_files_verify(
    name: str, host: Host, information: Callable[[], dict[str, Any]]
) -> None:
    before = len(information()["backup"])
    taken = host.check_output(f"runuser -u postgres -- {HELPER} full")
    assert "drillbook: backup complete" in taken
    assert len(information()["backup"]) == before + 1
    verified = host.run(f"runuser -u postgres -- pgbackrest --stanza={STANZAS[name]} verify")
    assert verified.rc == 0, verified.stdout
    assert "status: error" not in verified.stdout


def test_a_backup_is_read_back(name: str, host: Host, information: Callable[[], dict[str, Any]]) -> None:
    """The restored cluster has the system identifier of the one that was backed up."""
    if not information()["backup"]:
        host.check_output(f"runuser -u postgres -- {HELPER} full")
    restore = (
        f"rm -rf /var/tmp/restored && install -d -m 0700 -o postgres /var/tmp/restored && runuser -u postgres -- pgbackrest"
        f" --stanza={STANZAS[name]} --pg1-path=/var/tmp/restored --type=none restore"
    )
    host.check_output(restore)
    identifiers = {
        line
        for directory in ("/var/tmp/restored", "/var/lib/postgresql/17/main")
        for line in host.check_output(f"/usr/lib/postgresql/17/bin/pg_controldata {directory}").splitlines()
        if line.startswith("Database system identifier")
    }
    assert len(identifiers) == 1
    host.check_output("rm -rf /var/tmp/restored")


def test_the_repository_is_encrypted(information: Callable[[], dict[str, Any]]) -> None:
    assert information()["repo"][0]["cipher"] == "aes-256-cbc"


def test_the_passphrase_is_not_readable_by_all(host: Host) -> None:
    secrets = host.file("/etc/pgbackrest/conf.d/secrets.conf")
    assert secrets.mode == 0o640
    assert (secrets.user, secrets.group) == ("root", "postgres")
    assert not host.file("/etc/pgbackrest/pgbackrest.conf").contains("cipher-pass")


@pytest.mark.parametrize(("name", "run"), [("deb13", True), ("full", False)])
def test_the_timers_run_where_that_is_wanted(host: Host, run: bool) -> None:
    for timer in ("full", "diff", "incr", "check"):
        assert host.service(f"drillbook-pgbackrest-{timer}.timer").is_running is run


@pytest.mark.parametrize(("name", "compression"), [("deb13", "zst"), ("full", "lz4")])
def test_variables_reach_the_configuration(host: Host, compression: str) -> None:
    assert host.file("/etc/pgbackrest/pgbackrest.conf").contains(f"^compress-type={compression}$")


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "pgBackRest 2.45" in said
    assert "Debian 13" in said
