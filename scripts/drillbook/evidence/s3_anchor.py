"""The anchor in an S3 bucket with versioning and object lock (Ceph RGW, AWS)."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import stamina
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as NoConnectionError

from drillbook.evidence.anchor import AnchoredObject, conflict, unavailable
from drillbook.stores.client import CONNECT_TIMEOUT, READ_TIMEOUT, make_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_RETRY_LATER = frozenset({409, 429, 500, 502, 503, 504})
_EXISTS = 412

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class S3Credential:
    """An access key; the secret is never printed."""

    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class S3Location:
    """Where the anchor is and how patient to be with it. Without ``endpoint`` it is AWS itself."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    ca_file: Path | None = None
    connect_timeout: timedelta = CONNECT_TIMEOUT
    read_timeout: timedelta = READ_TIMEOUT
    attempts: int = 4


class ClientFactory(Protocol):
    """Makes an S3 client; tests pass their own."""

    def __call__(self, location: S3Location, credential: S3Credential, /) -> "S3Client":
        """A client that holds ``credential``."""
        ...


class S3Anchor:
    """Puts with ``If-None-Match: *``; reads the oldest version, so that no overwrite or delete marker hides an entry.

    The writing credential needs PutObject only. Give it a ``reader`` too (ListBucketVersions, GetObject,
    GetObjectVersion): each put is then compared before and after, because Ceph RGW 18.2.7 ignores If-None-Match
    in a versioned bucket, which every object-locked one is. Without a reader, an object that exists is reported as not
    anchored yet where the store says so, and is found by the next verification where it does not.
    """

    def __init__(
        self,
        location: S3Location,
        *,
        writer: S3Credential | None = None,
        reader: S3Credential | None = None,
        client_factory: ClientFactory | None = None,
    ) -> None:
        make = client_factory or _connect
        self._location = location
        self._prefix = f"{location.prefix.strip('/')}/" if location.prefix.strip("/") else ""
        self._writer = make(location, writer) if writer else None
        self._reader = make(location, reader) if reader else None

    @property
    def label(self) -> str:
        """The anchor's address."""
        return f"{self._location.endpoint or 'https://s3.amazonaws.com'}/{self._location.bucket}/{self._prefix}"

    def key_of(self, name: str) -> str:
        """The key that a file of the log has in the bucket."""
        return self._prefix + name

    def put(self, name: str, content: bytes) -> None:
        """Add one object, or find that it is there with the same content."""
        if not self._writer:
            raise unavailable("no writing credential was given", self.label)
        client = self._writer
        if self._reader and self._is_held(name, content):
            return

        def send() -> None:
            client.put_object(
                Bucket=self._location.bucket,
                Key=self._prefix + name,
                Body=content,
                # RGW checks Content-MD5 and no x-amz-checksum; AWS demands one of them under object lock.
                ContentMD5=base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode(),
                IfNoneMatch="*",
            )

        try:
            self._patiently(send)
        except ClientError as error:
            if _status(error) != _EXISTS:
                raise unavailable(_words(error), self.label + name) from error
            if not self._reader:
                what = "an object of this name is there already, and without a reading credential it can't be compared"
                raise unavailable(what, self.label + name) from error
        except BotoCoreError as error:
            raise unavailable(str(error), self.label + name) from error
        if self._reader and not self._is_held(name, content):
            raise unavailable("the object can't be found after it was put", self.label + name)

    def list(self) -> tuple[AnchoredObject, ...]:
        """Every key that has a version or a delete marker."""
        return self._read(lambda: tuple(self._objects(self._prefix)))

    def get(self, item: AnchoredObject) -> bytes:
        """The content of the oldest version."""
        client = self._reading_client()

        def fetch() -> bytes:
            answer = client.get_object(
                Bucket=self._location.bucket, Key=self._prefix + item.name, VersionId=item.version
            )
            return answer["Body"].read()

        return self._read(fetch)

    def _is_held(self, name: str, content: bytes) -> bool:
        """Whether the object is there with this content; raises AnchorConflictError if it is there with another."""
        found = self._read(lambda: tuple(self._objects(self._prefix + name)))
        held = [item for item in found if item.name == name]
        if held and self.get(held[0]) != content:
            raise conflict(self.label + name)
        return bool(held)

    def _objects(self, prefix: str) -> Iterator[AnchoredObject]:
        """Group versions and delete markers by key; S3 lists a key's versions newest first."""
        versions: dict[str, list[tuple[str, str]]] = {}
        deleted: set[str] = set()
        paginator = self._reading_client().get_paginator("list_object_versions")
        for page in paginator.paginate(Bucket=self._location.bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                versions.setdefault(version["Key"], []).append((version["VersionId"], version["ETag"]))
            deleted.update(marker["Key"] for marker in page.get("DeleteMarkers", []))
        for key in sorted(versions.keys() | deleted):
            of_key = versions.get(key, [])
            name = key.removeprefix(self._prefix)
            yield AnchoredObject(name, of_key[-1][0] if of_key else "", _anomaly(key in deleted, of_key))

    def _reading_client(self) -> "S3Client":
        if not self._reader:
            raise unavailable("no reading credential was given", self.label)
        return self._reader

    def _read(self, action: Callable[[], T]) -> T:
        try:
            return self._patiently(action)
        except ClientError as error:
            raise unavailable(_words(error), self.label) from error
        except BotoCoreError as error:
            raise unavailable(str(error), self.label) from error

    def _patiently(self, action: Callable[[], T]) -> T:
        """Try again what may pass by itself. botocore's own retries are off, so that this is the only loop."""
        for attempt in stamina.retry_context(
            on=_may_pass, attempts=self._location.attempts, wait_initial=0.2, wait_max=5.0, timeout=60.0
        ):
            with attempt:
                return action()
        raise AssertionError("stamina always returns or raises")  # pragma: no cover


def _connect(location: S3Location, credential: S3Credential) -> "S3Client":
    """A real client with one attempt: this module tries again itself."""
    client: S3Client = make_client(
        location.endpoint,
        location.region,
        location.ca_file,
        (credential.access_key, credential.secret_key),
        attempts=1,
        timeouts=(location.connect_timeout, location.read_timeout),
    )
    return client


def _anomaly(deleted: bool, versions: list[tuple[str, str]]) -> str | None:
    """What happened to an object since it was first put. The same content put again is our own retry, and no matter."""
    if deleted:
        return "someone deleted it (the locked version is still there)" if versions else "someone deleted it"
    if len({etag for _, etag in versions}) > 1:
        return f"someone wrote it again with another content ({len(versions)} versions)"
    return None


def _may_pass(error: Exception) -> bool:
    if isinstance(error, ClientError):
        return _status(error) in _RETRY_LATER
    return isinstance(error, (HTTPClientError, NoConnectionError)) and not isinstance(error, SSLError)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _words(error: ClientError) -> str:
    return f"the store answered {_status(error)} {error.response.get('Error', {}).get('Code', '')}".rstrip()
