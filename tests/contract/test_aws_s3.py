"""docs/how-to/aws-s3.md, carried out against moto: its commands, its policies, and what `drillbook preflight` says of them.

moto enforces the policies of users. What each may do is asked by the same operations that are tried on a real store.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
import yaml
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from tests.contract.test_object_store_credentials import (
    BUCKETS,
    CASES,
    DENIED,
    EVIDENCE,
    FORBIDDEN,
    HEARTBEAT,
    NEW,
    REPOSITORY,
    USERS,
    Store,
    code_of,
    put_twice,
)
from tests.support import moto_s3
from tests.support.moto_server import moto_server
from tests.unit.plugins.test_object_store_buckets import buckets as module

from drillbook.errors import InfrastructureError, RefusedError
from drillbook.evidence import (
    AnchorConflictError,
    AnchorUnavailableError,
    EvidenceLog,
    S3Anchor,
    S3Credential,
    S3Location,
    Signer,
    verify_log,
)
from drillbook.evidence.s3_anchor import _connect
from drillbook.model import CheckStatus, Mode, ObjectStore, Repository
from drillbook.stores.client import make_client, user_keys
from drillbook.stores.limits import Preflight
from drillbook.stores.s3 import S3Heartbeats, S3User
from drillbook.stores.versions import VersionedPath, plan_recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/how-to/aws-s3.md"
POLICIES = ROOT / "docs/how-to/aws-s3"
REGION = "eu-central-1"
NAMES = {"repository": REPOSITORY, "evidence": EVIDENCE, "heartbeat": HEARTBEAT}
ROOT_KEYS = {"aws_access_key_id": "root", "aws_secret_access_key": "root"}


def enforce(server: str, enforced: bool) -> None:
    """Have moto judge by policies from now on, or let everybody do everything."""
    count = b"0" if enforced else b"inf"
    requests.post(f"{server}/moto-api/reset-auth", data=count, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto_s3.complete_s3()
    with moto_server() as address:
        yield address
        enforce(address, False)


@pytest.fixture(scope="module")
def keys(server: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of keys that the page's commands made; buckets are named as those of the lab."""
    folder = tmp_path_factory.mktemp("aws")
    (folder / "programs").mkdir()
    aws = folder / "programs/aws"
    aws.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.support.aws_command "$@"\n', encoding="utf-8")
    aws.chmod(0o755)
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    script = "".join(blocks).replace("/etc/drillbook/object_store", str(folder / "keys"))
    for short, name in NAMES.items():
        script = script.replace(f"$prefix-{short}", name)
    script = script.replace("$prefix-$bucket", "$bucket").replace("s/example-/$prefix-/g", "s/example-//g")
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{aws.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "AWS_ENDPOINT_URL": server,
            "AWS_ACCESS_KEY_ID": "root",
            "AWS_SECRET_ACCESS_KEY": "root",
            "AWS_DEFAULT_REGION": REGION,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout.lower()
    return folder / "keys"


@pytest.fixture
def root(server: str, keys: Path) -> Any:
    """S3 as the account's owner sees it, with nothing enforced."""
    enforce(server, False)
    return boto3.client("s3", endpoint_url=server, region_name=REGION, **ROOT_KEYS)


@pytest.fixture
def iam(server: str, keys: Path) -> Any:
    enforce(server, False)
    return boto3.client("iam", endpoint_url=server, region_name=REGION, **ROOT_KEYS)


@pytest.fixture(scope="module")
def clients(server: str, keys: Path) -> Store:
    """Each user's client, made once: that takes longer than a call."""
    return Store({"endpoint": server, "region": REGION, "credentials_directory": str(keys)})


@pytest.fixture
def store(server: str, clients: Store) -> Iterator[Store]:
    """The store with its policies enforced."""
    enforce(server, True)
    yield clients
    enforce(server, False)


def test_every_key_lies_where_it_is_read_and_only_for_its_owner(keys: Path) -> None:
    assert {path.stem for path in keys.iterdir()} == set(USERS)
    for path in keys.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert set(json.loads(path.read_text(encoding="utf-8"))) == {"access_key", "secret_key"}


def defaults() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "roles/object_store/defaults/main.yml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("name", "lock_days", "noncurrent_days"),
    [
        ("repository", "repository_lock_days", "repository_lock_days"),
        ("evidence", "evidence_lock_days", None),
        ("heartbeat", None, "heartbeat_noncurrent_days"),
    ],
)
def test_buckets_are_as_the_role_makes_them(
    root: Any, name: str, lock_days: str | None, noncurrent_days: str | None
) -> None:
    bucket, days = NAMES[name], {**defaults(), "object_store_None": 0}
    rules = module.lifecycle(days[f"object_store_{noncurrent_days}"], days["object_store_abort_multipart_days"])
    assert json.loads((POLICIES / f"lifecycle_{name}.json").read_text(encoding="utf-8")) == {"Rules": rules}
    assert {rule["ID"] for rule in root.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]} == {
        rule["ID"] for rule in rules
    }
    assert root.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(root.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert "AES256" in json.dumps(root.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"])
    assert f"arn:aws:s3:::{bucket}/*" in root.get_bucket_policy(Bucket=bucket)["Policy"]
    if lock_days:
        held = root.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        held["Rule"]["DefaultRetention"].pop("Years", None)  # moto says 0 beside days
        assert held == module.lock(days[f"object_store_{lock_days}"])


def granted() -> dict[str, dict[str, set[str]]]:
    """By user and bucket, what the role's own store grants."""
    path = ROOT / "roles/object_store/vars/main/access.yml"
    access = yaml.safe_load(path.read_text(encoding="utf-8"))
    lists = {"read": access["__object_store_read"], "write": access["__object_store_write"]}
    found: dict[str, dict[str, set[str]]] = {}
    for name in NAMES:
        for grant in access[f"__object_store_{name}_grants"]:
            actions = grant["actions"]
            if isinstance(actions, str):
                actions = [one for word in re.findall(r"__object_store_(read|write)", actions) for one in lists[word]]
            if actions:
                found.setdefault(grant["user"], {})[name] = set(actions)
    return found


def allowed(user: str) -> dict[str, set[str]]:
    """By bucket, what the page's policy allows; a right on a bucket stands on its objects, or on it itself, never on both."""
    policy = json.loads((POLICIES / f"{user}.json").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert set(statement) == {"Sid", "Effect", "Action", "Resource"}
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for resource in resources:
            bucket, _, objects = resource.removeprefix("arn:aws:s3:::example-").partition("/")
            assert objects in {"", "*"}
            for action in statement["Action"]:
                assert ("Bucket" in action) == (not objects), f"{action} on {resource}"
                found.setdefault(bucket, set()).add(action)
    return found


@pytest.mark.parametrize("user", USERS)
def test_a_policy_grants_what_the_roles_own_store_grants(user: str) -> None:
    assert allowed(user) == granted()[user]


@pytest.mark.parametrize(("user", "bucket", "operation", "may"), CASES)
def test_each_right_is_there_and_no_other(store: Store, user: str, bucket: str, operation: Any, may: bool) -> None:
    target = put_twice(store, bucket, f"drillbook-contract/{os.urandom(8).hex()}")
    code = code_of(lambda: operation(store.client(user), target))
    assert code == "" if may else code in DENIED, code


@pytest.mark.parametrize("bucket", BUCKETS)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_nobody_may(store: Store, user: str, bucket: str, name: str) -> None:
    target = put_twice(store, bucket, f"drillbook-contract/{os.urandom(8).hex()}")
    assert code_of(lambda: FORBIDDEN[name](store.client(user), target)) in DENIED


def preflight(server: str, keys: Path, bucket: str = REPOSITORY, **days: int) -> Preflight:
    """drillbook's own proof, with the keys of the page."""
    as_said = described(server, keys, bucket, **days)

    def user(name: str) -> S3User:
        client: BaseClient = make_client(
            server, REGION, None, user_keys(keys, name), attempts=1, parameter_validation=False
        )
        return S3User(as_said, name, client)

    return Preflight(
        as_said,
        user,
        clock_offset_limit=timedelta(seconds=5),
        anchored=True,
        newest=lambda: ("log/000001-opened.sig", bytes(64)),
    )


def test_preflight_is_green_and_prints_what_the_page_shows(server: str, keys: Path, store: Store) -> None:
    checks = preflight(server, keys).prove(Mode.SANDBOX)
    assert {check.status for check in checks} == {CheckStatus.PASSED}
    page = PAGE.read_text(encoding="utf-8")
    for check in checks:
        found = check.actual if "clock" not in check.name else ""
        assert re.search(rf"^passed +{re.escape(check.name)} +{re.escape(found)}", page, re.MULTILINE), check


def test_the_control_leaves_one_object_however_often_it_is_tried(server: str, keys: Path, store: Store) -> None:
    for _ in range(2):
        assert "evidence_writer can add" in [check.name for check in preflight(server, keys).prove(Mode.SANDBOX)]
    listed = store.client("auditor").list_object_versions(Bucket=EVIDENCE, Prefix="log/000001-opened.sig")
    assert len(listed["Versions"]) == 1


@pytest.mark.parametrize(("days", "said"), [({"retention_days": 31}, "for 38 days, and 39 are needed")])
def test_preflight_refuses_a_lock_that_is_too_short(
    server: str, keys: Path, store: Store, days: dict[str, int], said: str
) -> None:
    with pytest.raises(RefusedError, match=said):
        preflight(server, keys, **days).prove(Mode.SANDBOX)


def test_preflight_tells_a_bucket_without_a_lock(server: str, keys: Path, store: Store) -> None:
    """The bucket of the heartbeats is versioned, and has none. In place, as the reader gets no further there."""
    (told,) = [one for one in preflight(server, keys, bucket=HEARTBEAT).prove(Mode.IN_PLACE) if "lock" in one.message]
    assert ("no default lock" in told.message, told.status) == (True, CheckStatus.SKIPPED)


@pytest.fixture
def changed(iam: Any, server: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """A user whose policy has one action more, or less."""
    user, more, less = request.param
    name = {"UserName": user, "PolicyName": "drillbook"}
    as_it_is = iam.get_user_policy(**name)["PolicyDocument"]
    statements = [
        {**one, "Action": [action for action in one["Action"] if action != less] or ["s3:GetBucketLocation"]}
        for one in as_it_is["Statement"]
    ]
    if more:
        statements.append({"Sid": "More", "Effect": "Allow", "Action": [more], "Resource": "*"})
    iam.put_user_policy(**name, PolicyDocument=json.dumps({**as_it_is, "Statement": statements}))
    enforce(server, True)
    yield
    enforce(server, False)
    iam.put_user_policy(**name, PolicyDocument=json.dumps(as_it_is))


EACH = ("auditor", "repository_reader", "evidence_writer")
REFUSED = [
    *((user, "s3:DeleteObject", "delete an object") for user in EACH),
    *((user, "s3:DeleteObjectVersion", "delete a version past its lock") for user in EACH),
    *((user, "s3:PutBucketObjectLockConfiguration", "change the bucket's lock") for user in EACH),
    *((user, "s3:PutBucketPolicy", "change the bucket's policy") for user in EACH),
    *((user, "s3:PutLifecycleConfiguration", "change the bucket's lifecycle") for user in EACH),
    *((user, "s3:PutBucketVersioning", "change the bucket's versioning") for user in EACH),
    ("repository_reader", "s3:PutObject", "put an object"),
    ("repository_reader", "s3:GetObject", "get an object"),
    ("auditor", "s3:PutObject", "put an object"),
    ("evidence_writer", "s3:PutObject", "put an object"),
    ("evidence_writer", "s3:GetObject", "get an object"),
    ("repository_reader", "s3:CreateBucket", "create a bucket"),
    ("auditor", "s3:CreateBucket", "create a bucket"),
]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param((user, action, None), f"{user} may {said}", id=f"{user}-{action[3:]}")
        for user, action, said in REFUSED
    ],
    indirect=["changed"],
)
def test_preflight_refuses_a_right_too_many(server: str, keys: Path, clients: Store, changed: None, said: str) -> None:
    clients.client("evidence_writer").put_object(Bucket=EVIDENCE, Key="log/000001-opened.json", Body=b"an entry")
    with pytest.raises(RefusedError, match=re.escape(said)):
        preflight(server, keys).prove(Mode.SANDBOX)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("repository_reader", None, "s3:ListBucket"), "can't list the repository pgbackrest"),
        (("auditor", None, "s3:GetBucketObjectLockConfiguration"), "can't read the lock of the bucket"),
        (("auditor", None, "s3:GetBucketVersioning"), "can't read the versioning of the bucket"),
        (("evidence_writer", None, "s3:PutObject"), "evidence_writer can't add to the evidence"),
    ],
    indirect=["changed"],
    ids=["list", "lock", "versioning", "add"],
)
def test_preflight_misses_a_right_too_few(server: str, keys: Path, changed: None, said: str) -> None:
    with pytest.raises(InfrastructureError, match=said):
        preflight(server, keys).prove(Mode.SANDBOX)


def described(server: str, keys: Path, bucket: str = REPOSITORY, **days: int) -> ObjectStore:
    """The store as an inventory says it."""
    return ObjectStore(
        endpoint=server,
        region=REGION,
        ca_file=None,
        repositories={"pgbackrest": Repository(bucket, "/", **days)},
        evidence_bucket=EVIDENCE,
        heartbeat_bucket=HEARTBEAT,
        credentials_directory=keys,
    )


def test_what_was_deleted_is_brought_back_by_the_operators_policy(server: str, keys: Path, store: Store) -> None:
    key = f"recovered/{os.urandom(8).hex()}"
    target = put_twice(store, REPOSITORY, key)
    before = datetime.now(UTC)
    store.client("repository_writer").delete_object(Bucket=REPOSITORY, Key=key)
    path = VersionedPath(
        described(server, keys), Repository(REPOSITORY, "/recovered"), store.client("restore_operator")
    )
    path.bring_back(plan_recovery(path.states(), before + timedelta(seconds=1)).bring_back, lambda _version: None)
    body = store.client("repository_reader").get_object(Bucket=REPOSITORY, Key=key)["Body"].read()
    assert (body, target.key) == (NEW, key)


def test_heartbeats_are_published_and_read_by_their_policies(server: str, keys: Path, store: Store) -> None:
    beat = {"host": "db1", "counter": 7, "written_at": "2026-01-31T12:00:00Z", "published_at": "2026-01-31T12:00:01Z"}
    store.client("heartbeat_writer").put_object(Bucket=HEARTBEAT, Key="main/db1.json", Body=json.dumps(beat))
    reader = store.client("auditor")
    (read,) = S3Heartbeats(described(server, keys), "x", reader).published("main", ("db1", "db2")).beats
    assert (read.host, read.counter) == ("db1", 7)


def test_evidence_is_anchored_and_verified_by_its_policies(server: str, keys: Path, store: Store) -> None:
    location = S3Location(bucket=EVIDENCE, prefix="anchored", endpoint=server, region=REGION)
    writer, reader = (S3Credential(*user_keys(keys, user)) for user in ("evidence_writer", "auditor"))
    both = S3Anchor(location, writer=writer, reader=reader)
    both.put("000001-opened.json", b"{}")
    both.put("000001-opened.json", b"{}")
    with pytest.raises(AnchorConflictError, match="another entry"):
        both.put("000001-opened.json", b"{another}")
    with pytest.raises(AnchorUnavailableError, match="is there already"):
        S3Anchor(location, writer=writer).put("000001-opened.json", b"{}")
    anchor = S3Anchor(location, reader=reader)
    (found,) = anchor.list()
    assert (found.anomaly, anchor.get(found)) == (None, b"{}")


@pytest.mark.parametrize("fault", ["lost answer", "killed before the note", "note lost", "note too large"])
def test_anchoring_goes_on_after_any_fault_behind_the_put(
    server: str, keys: Path, store: Store, tmp_path: Path, fault: str
) -> None:
    """AWS honours If-None-Match: whatever was stored without our knowing it answers 412 for ever after."""
    location = S3Location(bucket=EVIDENCE, prefix=f"faults-{fault}", endpoint=server, region=REGION)
    writer, reader = (S3Credential(*user_keys(keys, user)) for user in ("evidence_writer", "auditor"))
    losing: list[bool] = []
    anchor = S3Anchor(
        location, writer=writer, reader=reader, client_factory=lambda *given: Losing(_connect(*given), losing)
    )
    signer = Signer.load_or_create(tmp_path / "key.pem")
    log = EvidenceLog(tmp_path / "log", signer, lambda: datetime.now(UTC), anchor)
    log.append("opened", "run-1", {})
    losing += [True] if fault == "lost answer" else []
    with pytest.MonkeyPatch.context() as patch:
        if fault == "killed before the note":
            patch.setattr("drillbook.evidence.log.put_in_place", killed)
            with pytest.raises(Killed):
                log.append("closed", "run-1", {})
        else:
            log.append("closed", "run-1", {})
    assert losing == []
    if fault == "killed before the note":
        assert log.open_runs() == []
    if fault == "note lost":
        (tmp_path / "log/.anchored").unlink()
    if fault == "note too large":
        log = EvidenceLog(tmp_path / "log", signer, lambda: datetime.now(UTC))
        log.append("opened", "run-2", {})
        log.append("closed", "run-2", {})
        note = {"schema": "drillbook.anchored/1", "anchor": anchor.label, "sequence": 4}
        (tmp_path / "log/.anchored").write_text(json.dumps(note), encoding="utf-8")
        log = EvidenceLog(tmp_path / "log", signer, lambda: datetime.now(UTC), anchor)
    log.anchor_pending()
    assert verify_log(tmp_path / "log", signer.public_key_pem(), anchor).findings == ()
    assert log.append("opened", "run-3", {}).anchored
    assert log.append("closed", "run-3", {}).anchored
    assert verify_log(tmp_path / "log", signer.public_key_pem(), anchor).ok


class Losing:
    """A client whose store keeps what is put, and whose answer is lost as often as was asked for."""

    def __init__(self, client: Any, losing: list[bool]) -> None:
        self._client = client
        self._losing = losing

    def put_object(self, **given: Any) -> Any:
        done = self._client.put_object(**given)
        if self._losing and self._losing.pop():
            raise ReadTimeoutError(endpoint_url="x")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Killed(BaseException):
    """What SIGKILL is to the code under test: no handler runs."""


def killed(*_given: object) -> None:
    raise Killed
