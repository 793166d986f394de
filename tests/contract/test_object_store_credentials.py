"""The five credentials of the object store can do what they must and nothing else; tried for real, one operation after the other.

Runs against the lab that DRILLBOOK_LAB names, or against any store that DRILLBOOK_STORE describes: a JSON object with
endpoint, region and credentials_directory, where needed with ca_file, and with buckets where repository, evidence and heartbeat have
other names. What it writes lies under `drillbook-contract/`.
"""

from __future__ import annotations

import io
import json
import os
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

pytestmark = pytest.mark.lab

DESCRIBED: dict[str, Any] = json.loads(os.environ.get("DRILLBOOK_STORE", "{}"))
OLD, NEW = b"the old version", b"the new version"
WRITERS = ["repository_writer", "restore_operator"]
USERS = [*WRITERS, "auditor", "repository_reader", "evidence_writer", "heartbeat_writer"]
REPOSITORY, EVIDENCE, HEARTBEAT = (
    DESCRIBED.get("buckets", {}).get(name, name) for name in ("repository", "evidence", "heartbeat")
)
WRITER_OF = {REPOSITORY: "repository_writer", EVIDENCE: "evidence_writer", HEARTBEAT: "heartbeat_writer"}
FOR_EVER = datetime(2090, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Target:
    """An object with two versions; the first is what an attacker is after."""

    bucket: str
    key: str
    version: str


class Store:
    """Clients by user."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.endpoint = str(description["endpoint"])
        self.ca_file: str | None = description.get("ca_file")
        self._region = str(description["region"])
        self._credentials = Path(description["credentials_directory"])
        self._clients: dict[str, Any] = {}

    def client(self, user: str) -> Any:
        """The S3 client of a user."""
        if user not in self._clients:
            keys = json.loads((self._credentials / f"{user}.json").read_text())
            self._clients[user] = boto3.session.Session().client(
                "s3",
                endpoint_url=self.endpoint,
                region_name=self._region,
                verify=self.ca_file or True,
                aws_access_key_id=keys["access_key"],
                aws_secret_access_key=keys["secret_key"],
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
            )
        return self._clients[user]

    def credentials_file(self, user: str) -> Path:
        """Where the controller keeps the user's keys."""
        return self._credentials / f"{user}.json"


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest) -> Store:
    """The store under test."""
    if DESCRIBED:
        return Store(DESCRIBED)
    return Store(request.getfixturevalue("platform").lab.variables["drillbook_object_store"])


@pytest.fixture
def key() -> str:
    """A key that nobody has used."""
    return f"drillbook-contract/{uuid.uuid4()}"


def put_twice(store: Store, bucket: str, key: str) -> Target:
    """Make the two versions with the bucket's own writer."""
    client = store.client(WRITER_OF[bucket])
    first = client.put_object(Bucket=bucket, Key=key, Body=OLD)["VersionId"]
    client.put_object(Bucket=bucket, Key=key, Body=NEW)
    return Target(bucket, key, first)


def code_of(call: Callable[[], Any]) -> str:
    """The error code of a call, or "" if it succeeded."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


Operation = Callable[[Any, Target], Any]

WRITING: dict[str, Operation] = {
    "put": lambda s3, t: s3.put_object(Bucket=t.bucket, Key=t.key + ".new", Body=b"x"),
    "overwrite": lambda s3, t: s3.put_object(Bucket=t.bucket, Key=t.key, Body=b"x"),
    "copy": lambda s3, t: s3.copy_object(
        Bucket=t.bucket, Key=t.key + ".copy", CopySource={"Bucket": t.bucket, "Key": t.key}
    ),
    "multipart": lambda s3, t: s3.create_multipart_upload(Bucket=t.bucket, Key=t.key + ".parts"),
}
DELETING: dict[str, Operation] = {
    "delete": lambda s3, t: s3.delete_object(Bucket=t.bucket, Key=t.key),
}
READING: dict[str, Operation] = {
    "get": lambda s3, t: s3.get_object(Bucket=t.bucket, Key=t.key),
    "head": lambda s3, t: s3.head_object(Bucket=t.bucket, Key=t.key),
    "get old version": lambda s3, t: s3.get_object(Bucket=t.bucket, Key=t.key, VersionId=t.version),
    "list": lambda s3, t: s3.list_objects_v2(Bucket=t.bucket, Prefix=t.key),
    "list versions": lambda s3, t: s3.list_object_versions(Bucket=t.bucket, Prefix=t.key),
}
# What no credential outside the store may do.
FORBIDDEN: dict[str, Operation] = {
    "delete version": lambda s3, t: s3.delete_object(Bucket=t.bucket, Key=t.key, VersionId=t.version),
    "bypass governance": lambda s3, t: s3.delete_object(
        Bucket=t.bucket, Key=t.key, VersionId=t.version, BypassGovernanceRetention=True
    ),
    "shorten retention": lambda s3, t: s3.put_object_retention(
        Bucket=t.bucket,
        Key=t.key,
        VersionId=t.version,
        BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(minutes=1)},
    ),
    "lengthen retention": lambda s3, t: s3.put_object_retention(
        Bucket=t.bucket,
        Key=t.key,
        VersionId=t.version,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": FOR_EVER},
    ),
    "legal hold": lambda s3, t: s3.put_object_legal_hold(Bucket=t.bucket, Key=t.key, LegalHold={"Status": "ON"}),
    "publish object": lambda s3, t: s3.put_object_acl(Bucket=t.bucket, Key=t.key, ACL="public-read"),
    "publish bucket": lambda s3, t: s3.put_bucket_acl(Bucket=t.bucket, ACL="public-read-write"),
    "allow publishing": lambda s3, t: s3.delete_public_access_block(Bucket=t.bucket),
    "change policy": lambda s3, t: s3.put_bucket_policy(
        Bucket=t.bucket,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{t.bucket}/*"]}
                ],
            }
        ),
    ),
    "delete policy": lambda s3, t: s3.delete_bucket_policy(Bucket=t.bucket),
    "change lifecycle": lambda s3, t: s3.put_bucket_lifecycle_configuration(
        Bucket=t.bucket,
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "gone",
                    "Status": "Enabled",
                    "Filter": {"Prefix": t.key},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                }
            ]
        },
    ),
    "delete lifecycle": lambda s3, t: s3.delete_bucket_lifecycle(Bucket=t.bucket),
    "suspend versioning": lambda s3, t: s3.put_bucket_versioning(
        Bucket=t.bucket, VersioningConfiguration={"Status": "Suspended"}
    ),
    "change lock": lambda s3, t: s3.put_object_lock_configuration(
        Bucket=t.bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    ),
    "delete bucket": lambda s3, t: s3.delete_bucket(Bucket=t.bucket),
    "create bucket": lambda s3, _target: s3.create_bucket(Bucket=f"drillbook-contract-{uuid.uuid4()}"),
}

BUCKETS = [REPOSITORY, EVIDENCE, HEARTBEAT]
NOTHING: list[str] = []
# Per user and bucket, which groups of operations are allowed.
RIGHTS: dict[tuple[str, str], list[str]] = {
    **{(user, REPOSITORY): ["writing", "deleting", "reading"] for user in WRITERS},
    **{("auditor", bucket): ["reading"] for bucket in BUCKETS},
    ("repository_reader", REPOSITORY): ["reading"],
    **{("repository_reader", bucket): NOTHING for bucket in (EVIDENCE, HEARTBEAT)},
    **{(user, bucket): NOTHING for user in WRITERS for bucket in (EVIDENCE, HEARTBEAT)},
    **{("evidence_writer", bucket): NOTHING for bucket in (REPOSITORY, HEARTBEAT)},
    **{("heartbeat_writer", bucket): NOTHING for bucket in (REPOSITORY, EVIDENCE)},
}
GROUPS: dict[str, dict[str, Operation]] = {"writing": WRITING, "deleting": DELETING, "reading": READING}
CASES = [
    pytest.param(user, bucket, operation, group in allowed, id=f"{user}-{bucket}-{name}".replace(" ", "_"))
    for (user, bucket), allowed in RIGHTS.items()
    for group, operations in GROUPS.items()
    for name, operation in operations.items()
]
# In the bucket that they may write to, these have only that one right.
CASES += [
    pytest.param(user, bucket, operation, False, id=f"{user}-{bucket}-{name}".replace(" ", "_"))
    for user, bucket in (("evidence_writer", EVIDENCE), ("heartbeat_writer", HEARTBEAT))
    for group in (READING, DELETING, {"copy": WRITING["copy"]})
    for name, operation in group.items()
]
CASES += [
    pytest.param("heartbeat_writer", HEARTBEAT, WRITING[name], True, id=f"heartbeat_writer-{HEARTBEAT}-{name}")
    for name in ("put", "overwrite")
]
DENIED = {"AccessDenied", "403", "TooManyBuckets"}


@pytest.mark.parametrize(("user", "bucket", "operation", "allowed"), CASES)
def test_each_right_is_there_and_no_other(
    store: Store, key: str, user: str, bucket: str, operation: Operation, allowed: bool
) -> None:
    target = put_twice(store, bucket, key)
    code = code_of(lambda: operation(store.client(user), target))
    assert code == "" if allowed else code in DENIED


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_nobody_may(store: Store, key: str, user: str, bucket: str, name: str) -> None:
    target = put_twice(store, bucket, key)
    assert code_of(lambda: FORBIDDEN[name](store.client(user), target)) in DENIED


def test_the_reader_finds_what_the_writer_deleted(store: Store, key: str) -> None:
    target = put_twice(store, REPOSITORY, key)
    store.client("repository_writer").delete_object(Bucket=REPOSITORY, Key=key)
    reader = store.client("repository_reader")
    assert code_of(lambda: reader.get_object(Bucket=REPOSITORY, Key=key)) == "NoSuchKey"
    found = reader.list_object_versions(Bucket=REPOSITORY, Prefix=key)
    assert [item["IsLatest"] for item in found["DeleteMarkers"]] == [True]
    assert target.version in {item["VersionId"] for item in found["Versions"]}
    assert reader.get_object(Bucket=REPOSITORY, Key=key, VersionId=target.version)["Body"].read() == OLD


@pytest.mark.parametrize("user", WRITERS)
def test_a_writer_uploads_in_parts_and_aborts(store: Store, key: str, user: str) -> None:
    client = store.client(user)
    client.upload_fileobj(io.BytesIO(b"x" * (9 * 1024**2)), REPOSITORY, key)
    assert client.head_object(Bucket=REPOSITORY, Key=key)["ContentLength"] == 9 * 1024**2
    upload = client.create_multipart_upload(Bucket=REPOSITORY, Key=key)["UploadId"]
    assert client.list_multipart_uploads(Bucket=REPOSITORY, Prefix=key)["Uploads"][0]["UploadId"] == upload
    client.abort_multipart_upload(Bucket=REPOSITORY, Key=key, UploadId=upload)
    assert "Uploads" not in client.list_multipart_uploads(Bucket=REPOSITORY, Prefix=key)


def test_evidence_is_never_overwritten(store: Store, key: str) -> None:
    """AWS refuses the second put; Ceph 18 ignores the condition in a versioned bucket, where the first version stays."""
    writer, reader = store.client("evidence_writer"), store.client("auditor")
    writer.put_object(Bucket=EVIDENCE, Key=key, Body=OLD, IfNoneMatch="*")
    again = code_of(lambda: writer.put_object(Bucket=EVIDENCE, Key=key, Body=NEW, IfNoneMatch="*"))
    assert again in {"", "PreconditionFailed"}
    oldest = reader.list_object_versions(Bucket=EVIDENCE, Prefix=key)["Versions"][-1]["VersionId"]
    assert reader.get_object(Bucket=EVIDENCE, Key=key, VersionId=oldest)["Body"].read() == OLD


@pytest.mark.parametrize("bucket", [REPOSITORY, EVIDENCE])
def test_every_version_is_locked(store: Store, key: str, bucket: str) -> None:
    target = put_twice(store, bucket, key)
    reader = store.client("auditor")
    default = reader.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    held = reader.get_object_retention(Bucket=bucket, Key=key, VersionId=target.version)["Retention"]
    assert default["Mode"] == held["Mode"] == "COMPLIANCE"
    left = held["RetainUntilDate"] - datetime.now(UTC)
    assert timedelta(days=default["Days"]) - timedelta(minutes=5) < left <= timedelta(days=default["Days"])


@pytest.mark.parametrize("bucket", BUCKETS)
def test_nothing_is_public(store: Store, key: str, bucket: str) -> None:
    writer = store.client(WRITER_OF[bucket])
    code_of(lambda: writer.put_object(Bucket=bucket, Key=key, Body=b"x", ACL="public-read"))
    put_twice(store, bucket, key)
    context = ssl.create_default_context(cafile=store.ca_file)
    for path in (f"{bucket}/{key}", f"{bucket}/"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{store.endpoint}/{path}", context=context, timeout=10)  # noqa: S310 -- https only


@pytest.mark.parametrize("user", USERS)
def test_keys_are_readable_by_their_owner_only(store: Store, user: str) -> None:
    assert store.credentials_file(user).stat().st_mode & 0o777 == 0o600
    assert store.credentials_file(user).parent.stat().st_mode & 0o077 == 0


def test_the_owner_s_key_stays_on_the_store(store: Store) -> None:
    assert {path.stem for path in store.credentials_file("x").parent.glob("*.json")} == set(USERS)
