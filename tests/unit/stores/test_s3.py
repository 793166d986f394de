"""Only AccessDenied is a denial; a dead store or a wrong key is an error; what wrongly succeeded is undone."""

import io
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.support.hostile import documents
from tests.support.secret_files import write_secret

from drillbook.errors import InfrastructureError
from drillbook.model import ObjectStore
from drillbook.stores.client import user_keys
from drillbook.stores.s3 import S3Heartbeats, S3User

ACTIONS = (
    "can_get",
    "can_put",
    "can_start_multipart",
    "can_delete",
    "can_delete_version",
)
ON_BUCKETS = (
    "can_change_policy",
    "can_change_lifecycle",
    "can_change_versioning",
    "can_change_lock",
    "can_create_bucket",
)


def answer(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any")  # type: ignore[typeddict-item] # as short as the code reads it


class FakeClient:
    """Answers every call alike: raises ``error``, or returns ``result``."""

    def __init__(self, error: Exception | None = None, result: dict[str, Any] | None = None) -> None:
        self.error, self.result = error, result or {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            if self.error:
                raise self.error
            return self.result

        return call


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore("https://store", "default", None, {}, "evidence", "heartbeat", tmp_path)


def attempts(user: S3User) -> list[bool]:
    return [
        *(getattr(user, name)("repository", "absent") for name in ACTIONS),
        *(getattr(user, name)("repository") for name in ON_BUCKETS),
    ]


def test_access_denied_is_denied(store: ObjectStore) -> None:
    assert not any(attempts(S3User(store, "reader", FakeClient(answer("AccessDenied", 403)))))


@pytest.mark.parametrize("error", [None, "AccessDenied"])
def test_the_clock_is_read_from_whatever_the_store_answers(store: ObjectStore, error: str | None) -> None:
    """Who may not list is told the time as well: such a credential is refused for what it may, not for this."""
    headers = {"date": format_datetime(datetime.now(UTC) - timedelta(seconds=30))}
    said: Any = {"ResponseMetadata": {"HTTPStatusCode": 403 if error else 200, "HTTPHeaders": headers}}
    denied = ClientError({"Error": {"Code": error}, **said}, "ListObjectsV2") if error else None
    found = S3User(store, "reader", FakeClient(denied, said)).clock_difference()
    assert timedelta(seconds=29) < found < timedelta(seconds=33)


@pytest.mark.parametrize(("ahead", "found"), [(0, 0), (30, 25), (-30, -30)])
def test_a_slow_answer_is_no_wrong_clock(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch, ahead: int, found: int
) -> None:
    """The store says 12:00:00 at some time of five seconds: of what is possible, the smallest difference counts."""
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    ours = iter([noon + timedelta(seconds=ahead - 5), noon + timedelta(seconds=ahead)])
    monkeypatch.setattr("drillbook.stores.s3.datetime", SimpleNamespace(now=lambda _zone: next(ours)))
    said = {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(noon, usegmt=True)}}}
    assert S3User(store, "reader", FakeClient(None, said)).clock_difference() == timedelta(seconds=found)


@pytest.mark.parametrize(
    ("code", "status"),
    [("MalformedPolicy", 400), ("NoSuchKey", 404), ("InvalidArgument", 400), ("MethodNotAllowed", 405)],
)
def test_a_complaint_about_the_request_means_allowed(store: ObjectStore, code: str, status: int) -> None:
    assert all(attempts(S3User(store, "reader", FakeClient(answer(code, status)))))


@pytest.mark.parametrize(
    "error",
    [
        answer("InvalidAccessKeyId", 403),
        answer("SignatureDoesNotMatch", 403),
        answer("NoSuchBucket", 404),
        answer("InternalError", 500),
        EndpointConnectionError(endpoint_url="https://store"),
    ],
)
def test_what_proves_nothing_is_an_error(store: ObjectStore, error: Exception) -> None:
    user = S3User(store, "reader", FakeClient(error))
    for name in ACTIONS:
        with pytest.raises(InfrastructureError):
            getattr(user, name)("repository", "absent")


def test_what_wrongly_succeeded_is_undone_by_its_version(store: ObjectStore) -> None:
    client = FakeClient(result={"VersionId": "v1", "UploadId": "u1"})
    user = S3User(store, "reader", client)
    assert user.can_put("repository", "absent")
    assert client.calls[-1] == ("delete_object", {"Bucket": "repository", "Key": "absent", "VersionId": "v1"})
    assert user.can_start_multipart("repository", "absent")
    assert client.calls[-1][0] == "abort_multipart_upload"
    assert user.can_create_bucket("new")
    assert client.calls[-1] == ("delete_bucket", {"Bucket": "new"})


WRITTEN = datetime(2026, 1, 31, 12, 0, 0, 250000, tzinfo=UTC)


class Published:
    """A bucket with one heartbeat; it is written again, five seconds later, after each of the first ``again`` lists."""

    def __init__(self, again: int = 0) -> None:
        self.writes = 0
        self.again = again

    def list_objects_v2(self, **_arguments: Any) -> dict[str, Any]:
        modified = self.published_at() - timedelta(seconds=1)
        listed = {"Key": "main/db1.json", "LastModified": modified, "ETag": f'"{self.writes}"'}
        if self.again > 0:
            self.again -= 1
            self.writes += 1
        return {"Contents": [listed]}

    def get_object(self, **_arguments: Any) -> dict[str, Any]:
        at = self.published_at().isoformat()
        body = {"host": "db1", "counter": self.writes, "written_at": at, "published_at": at}
        return {"Body": io.BytesIO(json.dumps(body).encode()), "ETag": f'"{self.writes}"'}

    def published_at(self) -> datetime:
        return WRITTEN + self.writes * timedelta(seconds=5)


@pytest.mark.parametrize("again", [0, 1, 3])
def test_published_heartbeats_carry_the_stores_time_of_the_very_same_write(store: ObjectStore, again: int) -> None:
    (beat,) = S3Heartbeats(store, "reader", Published(again)).published("main", ("db1",)).beats
    assert (beat.clock_offset, beat.counter) == (timedelta(seconds=1), again)


def test_a_heartbeat_that_never_stands_still_is_one_bad_host(store: ObjectStore) -> None:
    found = S3Heartbeats(store, "reader", Published(99)).published("main", ("db1", "db2"))
    assert found.beats == ()
    assert "written again each time" in found.unreadable["db1"]


class Objects:
    """A bucket that holds what it is given, a page of at most ``page`` keys at once; ``read`` counts the bytes that were asked for."""

    def __init__(self, bodies: dict[str, bytes | ClientError], page: int = 1000) -> None:
        self.bodies = bodies
        self.page = page
        self.read_at_most: list[int] = []

    def list_objects_v2(self, *, Prefix: str, **_arguments: Any) -> dict[str, Any]:  # noqa: N803 - boto's name
        keys = sorted(key for key in self.bodies if key.startswith(Prefix))
        listed = [{"Key": key, "LastModified": WRITTEN, "ETag": '"1"'} for key in keys[: self.page]]
        return {"Contents": listed, "IsTruncated": len(keys) > self.page}

    def get_object(self, *, Key: str, **_arguments: Any) -> dict[str, Any]:  # noqa: N803 - boto's name
        body = self.bodies[Key]
        if isinstance(body, ClientError):
            raise body
        stream = io.BytesIO(body)

        def read(size: int) -> bytes:
            self.read_at_most.append(size)
            return stream.read(size)

        return {"Body": SimpleNamespace(read=read), "ETag": '"1"'}


def beat_of(host: str, **changes: Any) -> bytes:
    at = WRITTEN.isoformat()
    return json.dumps({"host": host, "counter": 3, "written_at": at, "published_at": at, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"3",
        b'"x"',
        b"",
        b"\xff",
        b"[" * 4000,
        b" " * 5000,
        beat_of("db1", counter=float("inf")),
        beat_of("db1", counter=None),
        beat_of("db1", counter=-1),
        beat_of("db1", written_at="0001-01-01T00:00:00+14:00"),
        beat_of("db1", published_at="9999-12-31T23:59:59-14:00"),
        beat_of("\ud800"),
        beat_of("another"),
        answer("AccessDenied", 403),
    ],
)
def test_one_bad_object_is_one_bad_host(store: ObjectStore, body: bytes | ClientError) -> None:
    """Whoever holds one agent's key may write there: the others' heartbeats are read all the same."""
    found = S3Heartbeats(store, "reader", Objects({"main/db1.json": body, "main/db2.json": beat_of("db2")})).published(
        "main", ("db1", "db2", "db3")
    )
    assert [beat.host for beat in found.beats] == ["db2"]
    assert list(found.unreadable) == ["db1"]


def test_objects_of_other_hosts_are_named_and_not_read(store: ObjectStore) -> None:
    """Also where they are so many that the service's own are not on the first page."""
    strange = {f"main/a{number}.json": b"[]" for number in range(5)}
    bucket = Objects({**strange, "main/db1.json": beat_of("db1")}, page=3)
    found = S3Heartbeats(store, "reader", bucket).published("main", ("db1",))
    assert [beat.host for beat in found.beats] == ["db1"]
    assert found.others == ("main/a0.json", "main/a1.json", "main/a2.json")


def test_no_more_is_read_than_a_heartbeat_may_have(store: ObjectStore) -> None:
    bucket = Objects({"main/db1.json": b"x" * 10_000_000})
    found = S3Heartbeats(store, "reader", bucket).published("main", ("db1",))
    assert "larger than 4096 bytes" in found.unreadable["db1"]
    assert bucket.read_at_most == [4097]


def test_a_store_that_fails_is_no_bad_host(store: ObjectStore) -> None:
    with pytest.raises(InfrastructureError, match="can't be read"):
        S3Heartbeats(store, "reader", FakeClient(answer("InternalError", 500))).published("main", ("db1",))


def test_a_thousand_broken_objects_hide_no_host(store: ObjectStore) -> None:
    good = json.loads(beat_of("db1"))
    for text in documents(good, seed=7):
        body = text.encode("utf-8", "surrogatepass")
        bucket = Objects({"main/db1.json": body, "main/db2.json": beat_of("db2")})
        found = S3Heartbeats(store, "reader", bucket).published("main", ("db1", "db2"))
        assert "db2" in [beat.host for beat in found.beats]


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"access_key": "a"}'])
def test_credentials_that_can_not_be_read_are_told_without_their_content(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        write_secret(tmp_path / "reader.json", content)
    with pytest.raises(InfrastructureError) as caught:
        user_keys(tmp_path, "reader")
    assert "reader" in caught.value.message
    assert content is None or content not in caught.value.message


@pytest.mark.parametrize(
    ("error", "result", "found"),
    [
        (None, {"Contents": [{"Key": "a"}]}, "a"),
        (None, {}, None),
        (answer("AccessDenied", 403), {}, None),
    ],
)
def test_a_key_that_is_there_is_found(
    store: ObjectStore, error: Exception | None, result: dict[str, Any], found: str | None
) -> None:
    assert S3User(store, "reader", FakeClient(error, result)).any_key("evidence") == found
