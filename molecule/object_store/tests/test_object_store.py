"""What the holders of keys notice, from outside the host."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest
from testinfra.host import Host

PORTS = {"deb13": 7480, "full": 17480}
REGIONS = {"deb13": "default", "full": "changed"}
BUCKETS = {"deb13": "repository", "full": "changed-repository"}
EVIDENCE = {"deb13": "evidence", "full": "changed-evidence"}


@pytest.fixture
def client(name: str, address: str, state: Path) -> Callable[[str], Any]:
    """A client with the keys of a user, as the role left them on the controller."""

    def make(user: str) -> Any:
        keys = json.loads((state / f"secrets/object_store_{name}/{user}.json").read_text(encoding="utf-8"))
        return boto3.client(
            "s3",
            endpoint_url=f"https://{address}:{PORTS[name]}",
            region_name=REGIONS[name],
            aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"],
            verify=str(state / "ca/ca.crt"),
            config=botocore.config.Config(
                s3={"addressing_style": "path"}, proxies={}, connect_timeout=10, retries={"max_attempts": 2}
            ),
        )

    return make


def test_the_services_run_and_start_at_boot(host: Host) -> None:
    service = host.service("ceph-radosgw@rgw.a.service")
    assert service.is_running
    assert service.is_enabled


def test_what_the_writer_puts_the_reader_gets(name: str, client: Callable[[str], Any]) -> None:
    client("repository_writer").put_object(Bucket=BUCKETS[name], Key="molecule", Body=b"kept")
    got = client("repository_reader").get_object(Bucket=BUCKETS[name], Key="molecule")
    assert got["Body"].read() == b"kept"


def test_what_is_deleted_stays_behind_its_marker(name: str, client: Callable[[str], Any]) -> None:
    writer = client("repository_writer")
    version = writer.put_object(Bucket=BUCKETS[name], Key="deleted", Body=b"kept")["VersionId"]
    writer.delete_object(Bucket=BUCKETS[name], Key="deleted")
    with pytest.raises(botocore.exceptions.ClientError):
        writer.delete_object(Bucket=BUCKETS[name], Key="deleted", VersionId=version)
    got = client("repository_reader").get_object(Bucket=BUCKETS[name], Key="deleted", VersionId=version)
    assert got["Body"].read() == b"kept"


@pytest.mark.parametrize("user", ["auditor", "repository_reader", "evidence_writer", "heartbeat_writer"])
def test_nobody_else_puts_into_the_repository(name: str, user: str, client: Callable[[str], Any]) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|403"):
        client(user).put_object(Bucket=BUCKETS[name], Key="forbidden", Body=b"")


def test_who_goes_into_sandboxes_reads_no_evidence(name: str, client: Callable[[str], Any]) -> None:
    client("evidence_writer").put_object(Bucket=EVIDENCE[name], Key="log/read", Body=b"kept")
    assert client("auditor").get_object(Bucket=EVIDENCE[name], Key="log/read")["Body"].read() == b"kept"
    with pytest.raises(botocore.exceptions.ClientError, match=r"AccessDenied|403"):
        client("repository_reader").get_object(Bucket=EVIDENCE[name], Key="log/read")


@pytest.mark.parametrize(("name", "days"), [("deb13", 400), ("full", 2)])
def test_evidence_is_locked_as_long_as_declared(host: Host, name: str, days: int, client: Callable[[str], Any]) -> None:
    put = client("evidence_writer").put_object(Bucket=EVIDENCE[name], Key="log/molecule", Body=b"kept")
    retention = client("auditor").get_object_retention(
        Bucket=EVIDENCE[name], Key="log/molecule", VersionId=put["VersionId"]
    )["Retention"]
    now = int(host.check_output("date +%s"))
    assert retention["Mode"] == "COMPLIANCE"
    # The host tells whole seconds, rounded down.
    left = retention["RetainUntilDate"].timestamp() - now
    assert (days - 1) * 86_400 < left < days * 86_400 + 1


def test_keys_are_not_readable_by_all(name: str, state: Path) -> None:
    files = list((state / f"secrets/object_store_{name}").iterdir())
    assert files
    assert not [path.name for path in files if path.stat().st_mode & 0o077]


def test_debian_12_is_refused_by_name(refusal: Callable[[str], str]) -> None:
    said = refusal("deb12")
    assert "Ceph 16" in said
    assert "Debian 13" in said
