"""One contract for every anchor, and what only S3 can answer."""

import hashlib
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import stamina
from botocore.exceptions import ClientError, ConnectTimeoutError, SSLError

from drillbook.evidence import Anchor, AnchorConflictError, AnchorUnavailableError, DirectoryAnchor, S3Anchor
from drillbook.evidence.s3_anchor import S3Credential, S3Location, _connect

KEY = S3Credential("writer", "secret-of-the-writer")


class FakeBucket:
    """A versioned bucket: enough of the S3 client to answer put, get and list_object_versions, and to fail on demand."""

    def __init__(self, *, conditional: bool = True) -> None:
        self.conditional = conditional
        self.versions: list[tuple[str, str, bytes]] = []
        self.deleted: set[str] = set()
        self.failures: list[Exception] = []
        self.puts = 0

    def put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str = "", **_: Any) -> None:  # noqa: N803 - boto3's names
        self.puts += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.conditional and IfNoneMatch == "*" and any(key == Key for key, _, _ in self.versions):
            raise answer(412, "PreconditionFailed")
        self.versions.insert(0, (Key, f"v{len(self.versions)}", Body))

    def get_object(self, *, Key: str, VersionId: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        for key, version, content in self.versions:
            if (key, version) == (Key, VersionId):
                return {"Body": io.BytesIO(content)}
        raise answer(404, "NoSuchVersion")

    def get_paginator(self, name: str) -> "FakeBucket":
        assert name == "list_object_versions"
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        if self.failures:
            raise self.failures.pop(0)
        for key, version, content in self.versions:  # one per page: paging must not matter
            if key.startswith(Prefix):
                yield {"Versions": [{"Key": key, "VersionId": version, "ETag": hashlib.md5(content).hexdigest()}]}  # noqa: S324 - as S3 does
        yield {"DeleteMarkers": [{"Key": key} for key in self.deleted if key.startswith(Prefix)]}


def answer(status: int, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation")  # type: ignore[typeddict-item]  # the fields that are read


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4):
        yield


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


def s3_anchor(bucket: FakeBucket, *, reader: bool = True, writer: bool = True) -> S3Anchor:
    return S3Anchor(
        S3Location(bucket="evidence", prefix="site-a"),
        writer=KEY if writer else None,
        reader=KEY if reader else None,
        client_factory=lambda _location, _credential: cast("Any", bucket),
    )


@pytest.fixture(params=["directory", "s3", "s3 without conditional writes"])
def any_anchor(request: pytest.FixtureRequest, tmp_path: Path, bucket: FakeBucket) -> Anchor:
    bucket.conditional = request.param == "s3"
    return DirectoryAnchor(tmp_path / "anchor") if request.param == "directory" else s3_anchor(bucket)


def test_what_was_put_is_listed_and_read(any_anchor: Anchor) -> None:
    any_anchor.put("000002-closed.json", b"two")
    any_anchor.put("000001-opened.json", b"one")
    assert {item.name: any_anchor.get(item) for item in any_anchor.list()} == {
        "000001-opened.json": b"one",
        "000002-closed.json": b"two",
    }
    assert all(item.anomaly is None for item in any_anchor.list())


def test_the_same_again_is_fine_and_another_is_a_conflict(any_anchor: Anchor) -> None:
    any_anchor.put("000001-opened.json", b"one")
    any_anchor.put("000001-opened.json", b"one")
    with pytest.raises(AnchorConflictError, match="another entry"):
        any_anchor.put("000001-opened.json", b"other")
    (item,) = any_anchor.list()
    assert any_anchor.get(item) == b"one"


def test_a_name_that_begins_like_another_is_not_compared_with_it(bucket: FakeBucket) -> None:
    anchor = s3_anchor(bucket)
    anchor.put("000001-closed.json", b"one")
    bucket.versions.insert(0, ("site-a/000001-closed.json.bak", "x", b"stranger"))
    anchor.put("000001-closed.json", b"one")
    kept = {body for key, _version, body in bucket.versions if key == "site-a/000001-closed.json"}
    assert kept == {b"one"}


def test_a_directory_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnchorUnavailableError):
        DirectoryAnchor(tmp_path / "file" / "anchor").put("000001-opened.json", b"one")
    with pytest.raises(AnchorUnavailableError):
        DirectoryAnchor(tmp_path / "none").list()


def test_our_own_lost_answer_is_no_anomaly(bucket: FakeBucket) -> None:
    """Without conditional writes, a retry leaves a second version of the same content."""
    bucket.conditional = False
    anchor = s3_anchor(bucket, reader=False)
    anchor.put("000001-opened.json", b"one")
    anchor.put("000001-opened.json", b"one")
    assert [item.anomaly for item in s3_anchor(bucket).list()] == [None]


def test_a_writer_that_came_first_is_noticed_after_the_put(bucket: FakeBucket) -> None:
    """The other controller's put arrives between our look and our put, and the store ignores the condition."""
    bucket.conditional = False
    real = bucket.put_object

    def late(**arguments: Any) -> None:
        bucket.versions.insert(0, (arguments["Key"], "theirs", b"theirs"))
        real(**arguments)

    bucket.put_object = late  # type: ignore[method-assign]  # the race, made on purpose
    with pytest.raises(AnchorConflictError):
        s3_anchor(bucket).put("000001-opened.json", b"ours")


def test_an_object_that_vanishes_is_not_taken_for_anchored(bucket: FakeBucket) -> None:
    bucket.put_object = lambda **_: None  # type: ignore[method-assign]  # a store that says yes and keeps nothing
    with pytest.raises(AnchorUnavailableError, match="after it was put"):
        s3_anchor(bucket).put("000001-opened.json", b"one")


def test_passing_trouble_is_tried_again(bucket: FakeBucket) -> None:
    bucket.failures = [
        answer(503, "SlowDown"),
        answer(409, "ConditionalRequestConflict"),
        ConnectTimeoutError(endpoint_url="x"),
    ]
    s3_anchor(bucket, reader=False).put("000001-opened.json", b"one")
    assert bucket.puts == 4


@pytest.mark.parametrize(
    "failure",
    [
        answer(403, "AccessDenied"),
        answer(404, "NoSuchBucket"),
        SSLError(endpoint_url="x", error=OSError("bad certificate")),
    ],
)
def test_lasting_trouble_is_not(bucket: FakeBucket, failure: Exception) -> None:
    bucket.failures = [failure]
    with pytest.raises(AnchorUnavailableError) as caught:
        s3_anchor(bucket, reader=False).put("000001-opened.json", b"one")
    assert bucket.puts == 1
    assert "secret-of-the-writer" not in str(caught.value)


def test_trouble_that_stays_ends_after_the_attempts(bucket: FakeBucket) -> None:
    bucket.failures = [answer(503, "SlowDown")] * 9
    with pytest.raises(AnchorUnavailableError, match="503 SlowDown"):
        s3_anchor(bucket, reader=False).put("000001-opened.json", b"one")
    assert bucket.puts == 4
    with pytest.raises(AnchorUnavailableError, match="503 SlowDown"):
        s3_anchor(bucket).list()


def test_what_is_there_already_is_compared(bucket: FakeBucket) -> None:
    """The answer 412 says that something of this name is there: mine, when an answer was lost, or another's."""
    held, real = s3_anchor(bucket), bucket.put_object

    def lost(**arguments: Any) -> None:
        real(**arguments)
        raise ConnectTimeoutError(endpoint_url="x")

    bucket.put_object = lost  # type: ignore[method-assign]  # the store keeps it, and its answer never comes
    held.put("000001-opened.json", b"one")
    bucket.put_object = real  # type: ignore[method-assign]  # repaired
    held.put("000001-opened.json", b"one")
    with pytest.raises(AnchorConflictError):
        held.put("000001-opened.json", b"other")
    assert [body for _key, _version, body in bucket.versions] == [b"one"]


def test_without_a_reader_nothing_can_be_compared(bucket: FakeBucket) -> None:
    anchor = s3_anchor(bucket, reader=False)
    anchor.put("000001-opened.json", b"one")
    with pytest.raises(AnchorUnavailableError, match="without a reading credential"):
        anchor.put("000001-opened.json", b"one")
    with pytest.raises(AnchorUnavailableError, match="no reading credential"):
        anchor.list()


def test_without_a_writer_nothing_is_put(bucket: FakeBucket) -> None:
    with pytest.raises(AnchorUnavailableError, match="no writing credential"):
        s3_anchor(bucket, writer=False).put("000001-opened.json", b"one")


def test_a_later_write_does_not_hide_the_first(bucket: FakeBucket) -> None:
    anchor = s3_anchor(bucket)
    anchor.put("000001-opened.json", b"one")
    bucket.put_object(Key="site-a/000001-opened.json", Body=b"forged")
    (item,) = anchor.list()
    assert anchor.get(item) == b"one"
    assert item.anomaly == "someone wrote it again with another content (2 versions)"


def test_a_delete_marker_does_not_hide_the_object(bucket: FakeBucket) -> None:
    anchor = s3_anchor(bucket)
    anchor.put("000001-opened.json", b"one")
    bucket.deleted.add("site-a/000001-opened.json")
    (item,) = anchor.list()
    assert anchor.get(item) == b"one"
    assert "deleted" in str(item.anomaly)


def test_the_real_client_is_careful() -> None:
    client = _connect(
        S3Location(bucket="evidence", endpoint="https://store1:7480", read_timeout=timedelta(seconds=7)), KEY
    )
    config = client.meta.config
    assert client.meta.endpoint_url == "https://store1:7480"
    assert config.read_timeout == 7  # type: ignore[attr-defined]  # the stubs lack the options
    assert config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]  # the stubs lack the options
    assert config.request_checksum_calculation == "when_required"  # type: ignore[attr-defined]  # the stubs lack the options
    assert config.s3["addressing_style"] == "path"  # type: ignore[attr-defined]  # the stubs lack the options


def test_the_secret_is_not_printed() -> None:
    assert "secret" not in repr(KEY).replace("secret_key", "")
