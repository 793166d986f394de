"""S3 (Ceph RGW, AWS): permissions tried one by one, and the newest published heartbeats."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drillbook.errors import InfrastructureError, MalformedDataError, NotAcceptedError
from drillbook.model import HEARTBEAT_LIMIT, Heartbeat, ObjectStore, PublishedHeartbeats, format_instant
from drillbook.stores.client import client_of
from drillbook.stores.permissions import Lock
from drillbook.untrusted import read_object

_DENIED = frozenset({"AccessDenied", "AllAccessDisabled", "TooManyBuckets"})
_BAD_CREDENTIALS = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "RequestTimeTooSkewed"}
)
_NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "InvalidRequest"})
_READ_ATTEMPTS = 5
_MALFORMED_POLICY = '{"drillbook": "not a policy"}'
_MALFORMED_LIFECYCLE: Mapping[str, Any] = {
    "Rules": [
        {
            "ID": "drillbook-preflight",
            "Status": "Enabled",
            "Filter": {"Prefix": "drillbook-preflight/"},
            "Expiration": {"Days": 0},
        },
        {
            "ID": "drillbook-preflight",
            "Status": "Enabled",
            "Filter": {"Prefix": "drillbook-preflight/"},
            "Expiration": {"Days": 0},
        },
    ]
}


class S3User:
    """One user's view of the store; implements ``Permissions``.

    Only the answer AccessDenied counts as denied. Policy, lifecycle, versioning and lock are tried with bodies that no
    store can accept: authorisation is answered before validity, so a complaint about the body means "allowed",
    and nothing can change.
    """

    def __init__(self, store: ObjectStore, user: str, client: Any | None = None) -> None:
        self._store = store
        self._user = user
        self._client = client if client is not None else client_of(store, user)

    @property
    def user(self) -> str:
        """The user's name."""
        return self._user

    def clock_difference(self) -> timedelta:
        """How far this machine's clock is ahead of the store's, by the Date header (whole seconds).

        The store wrote that header at some time between question and answer: of what is possible, the smallest difference.
        """
        asked = datetime.now(UTC)
        try:
            answer = self._ask(
                lambda: self._client.list_objects_v2(Bucket=self._store.heartbeat_bucket, MaxKeys=1),
                "reading the clock",
            )
        except ClientError as error:
            answer = error.response  # who may not list is told the time as well
        answered = datetime.now(UTC)
        date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
        return max(asked - date, min(answered - date, timedelta()))

    def can_list(self, bucket: str, prefix: str) -> bool:
        """List keys."""
        return self._allowed(lambda: self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1))

    def any_key(self, bucket: str, prefix: str = "") -> str | None:
        """Return a key below ``prefix`` that is there; None where there is none, or where this user may not list."""
        try:
            answer = self._ask(
                lambda: self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1), "looking for a key"
            )
        except ClientError:
            return None
        return next((str(item["Key"]) for item in answer.get("Contents", ())), None)

    def can_get(self, bucket: str, key: str) -> bool:
        """Read the first byte; of an absent key NoSuchKey means allowed.

        Of an absent key AWS says AccessDenied to whoever may not list the bucket, also if the user may read: give one that is there.
        """
        return self._allowed(lambda: self._client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0"))

    def can_put(self, bucket: str, key: str) -> bool:
        """Write one byte; what wrongly succeeded is deleted by its version, or hidden where a lock forbids that."""
        return self._allowed(
            lambda: self._client.put_object(Bucket=bucket, Key=key, Body=b"x"),
            lambda answer: self._remove(bucket, key, answer.get("VersionId")),
        )

    def can_add(self, bucket: str, key: str, content: bytes) -> bool:
        """Put ``content`` on the condition that nothing is there. What is there already answers that the right to put is.

        Only these two answers count. Ceph takes the same content again, as a version that says the same.
        """
        checksum = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        try:
            self._ask(
                lambda: self._client.put_object(
                    Bucket=bucket, Key=key, Body=content, ContentMD5=checksum, IfNoneMatch="*"
                ),
                "adding an object",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _DENIED:
                return False
            if code != "PreconditionFailed":
                raise self._odd(f"the store takes no object of {self._user}: {code}") from error
        return True

    def lock(self, bucket: str) -> Lock | None:
        """Return the bucket's default lock, years as 365 days; None where it has none."""
        try:
            answer = self._ask(lambda: self._client.get_object_lock_configuration(Bucket=bucket), "reading the lock")
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_LOCK:
                return None
            raise self._unread("lock", bucket, error) from error
        found = answer.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
        days = int(found.get("Days") or 0) + 365 * int(found.get("Years") or 0)
        return Lock(str(found.get("Mode")), days) if days else None

    def is_versioned(self, bucket: str) -> bool:
        """Tell whether versioning is enabled, and not suspended."""
        try:
            answer = self._ask(lambda: self._client.get_bucket_versioning(Bucket=bucket), "reading the versioning")
        except ClientError as error:
            raise self._unread("versioning", bucket, error) from error
        return bool(answer.get("Status") == "Enabled")

    def can_start_multipart(self, bucket: str, key: str) -> bool:
        """Begin a multipart upload; aborted if it wrongly succeeds."""
        return self._allowed(
            lambda: self._client.create_multipart_upload(Bucket=bucket, Key=key),
            lambda answer: self._client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=answer["UploadId"]),
        )

    def can_delete(self, bucket: str, key: str) -> bool:
        """Delete an absent key; the marker that it leaves if it wrongly succeeds is removed."""
        return self._allowed(
            lambda: self._client.delete_object(Bucket=bucket, Key=key),
            lambda answer: self._remove(bucket, key, answer.get("VersionId")),
        )

    def can_delete_version(self, bucket: str, key: str) -> bool:
        """Delete a version of an absent key, bypassing governance."""
        return self._allowed(
            lambda: self._client.delete_object(Bucket=bucket, Key=key, VersionId="null", BypassGovernanceRetention=True)
        )

    def can_change_lock(self, bucket: str) -> bool:
        """Put a default lock that does not exist.

        An object's own lock can't be tried: of an absent key RGW says NoSuchKey before it looks at the permission.
        """
        return self._allowed(
            lambda: self._client.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Drillbook"}
            )
        )

    def can_change_policy(self, bucket: str) -> bool:
        """Put a malformed policy."""
        return self._allowed(lambda: self._client.put_bucket_policy(Bucket=bucket, Policy=_MALFORMED_POLICY))

    def can_change_lifecycle(self, bucket: str) -> bool:
        """Put malformed lifecycle rules (no days, the same name twice)."""
        return self._allowed(
            lambda: self._client.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration=_MALFORMED_LIFECYCLE
            )
        )

    def can_change_versioning(self, bucket: str) -> bool:
        """Put a versioning state that does not exist."""
        return self._allowed(
            lambda: self._client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Drillbook"})
        )

    def can_create_bucket(self, bucket: str) -> bool:
        """Create a bucket; removed if it wrongly succeeds."""
        return self._allowed(
            lambda: self._client.create_bucket(Bucket=bucket), lambda _answer: self._client.delete_bucket(Bucket=bucket)
        )

    def _remove(self, bucket: str, key: str, version: str | None) -> None:
        if version:
            self._client.delete_object(Bucket=bucket, Key=key, VersionId=version)
        else:
            self._client.delete_object(Bucket=bucket, Key=key)

    def _allowed(self, attempt: Callable[[], Any], undo: Callable[[Any], object] | None = None) -> bool:
        try:
            answer = self._ask(attempt, "trying a permission")
        except ClientError as error:
            return error.response["Error"]["Code"] not in _DENIED
        if undo is not None:
            self._undo(undo, answer)
        return True

    def _undo(self, undo: Callable[[Any], object], answer: object) -> None:
        try:
            undo(answer)
        except (ClientError, BotoCoreError):
            return  # the permission itself is reported, with the key, and the run is refused

    def _ask(self, call: Callable[[], Any], what: str) -> Any:
        try:
            return call()
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if code in _BAD_CREDENTIALS:
                raise self._odd(f"the store does not accept the credentials of {self._user} ({code})") from error
            if code == "NoSuchBucket":
                raise self._odd(f"a bucket is missing: {error.response['Error'].get('BucketName', code)}") from error
            if status >= 500:
                raise self._fault(f"the store failed while {what}: {code}") from error
            raise
        except BotoCoreError as error:
            raise self._fault(f"the object store can't be reached: {error}") from error

    def _unread(self, what: str, bucket: str, error: ClientError) -> NotAcceptedError:
        return self._odd(
            f"{self._user} can't read the {what} of the bucket {bucket}: {error.response['Error']['Code']}"
        )

    def _odd(self, message: str) -> NotAcceptedError:
        return NotAcceptedError(
            message,
            where=self._store.endpoint,
            remedy="See that drillbook_object_store is right, and apply the object store's policies again.",
        )

    def _fault(self, message: str) -> InfrastructureError:
        return InfrastructureError(
            message,
            where=self._store.endpoint,
            remedy="See that the store is up and that drillbook_object_store is right.",
        )


class S3Heartbeats:
    """Reads what the backup agents published, with a user that may list and get."""

    def __init__(self, store: ObjectStore, user: str, client: Any | None = None) -> None:
        self._store = store
        self._client = client if client is not None else client_of(store, user)

    def published(self, service: str, hosts: Sequence[str]) -> PublishedHeartbeats:
        """Return the newest published heartbeat of each of ``hosts``, those of ``service``.

        An object that is no heartbeat is one bad host, and objects of other hosts are not read. Raises InfrastructureError when the
        store fails.
        """
        bucket, wanted = self._store.heartbeat_bucket, {f"{service}/{host}.json": host for host in hosts}
        beats: list[Heartbeat] = []
        unreadable: dict[str, str] = {}
        try:
            listed = self._listed(bucket, service, wanted)
            for key in sorted(wanted.keys() & listed.keys()):
                try:
                    beats.append(self._read(bucket, listed[key], wanted[key]))
                except MalformedDataError as error:
                    unreadable[wanted[key]] = error.message
                except ClientError as error:
                    unreadable[wanted[key]] = f"the store does not give it out: {error.response['Error']['Code']}"
        except (ClientError, BotoCoreError) as error:
            raise InfrastructureError(
                f"the published heartbeats can't be read: {error}",
                where=f"bucket {bucket}, prefix {service}/",
                remedy="See that the store is up and the backup agent publishes.",
            ) from error
        return PublishedHeartbeats(tuple(beats), unreadable, tuple(sorted(listed.keys() - wanted.keys())))

    def _listed(self, bucket: str, service: str, wanted: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
        """What lies there, by key. Of more than a page, which no service has, only the hosts' own objects are looked for."""
        page = self._client.list_objects_v2(Bucket=bucket, Prefix=f"{service}/")
        found = {item["Key"]: item for item in page.get("Contents", ())}
        if page.get("IsTruncated"):
            for key in wanted.keys() - found.keys():
                one = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
                found |= {item["Key"]: item for item in one.get("Contents", ())}
        return found

    def _read(self, bucket: str, item: Mapping[str, Any], host: str) -> Heartbeat:
        """Content and time must be of one and the same write, or a sound clock looks wrong; the agent writes every few seconds.

        The time is the list's, in milliseconds: a GET tells whole seconds only.
        """
        key = item["Key"]
        for _ in range(_READ_ATTEMPTS):
            answer = self._client.get_object(Bucket=bucket, Key=key)
            if answer["ETag"].strip('"') == item["ETag"].strip('"'):
                body = read_object(answer["Body"].read(HEARTBEAT_LIMIT + 1), where=key, limit=HEARTBEAT_LIMIT)
                return _of_host(host, {**body, "last_modified": format_instant(item["LastModified"])}, key)
            again = self._client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", ())
            if not again or again[0]["Key"] != key:
                raise _malformed("it was removed while it was read", key)
            (item,) = again
        raise _malformed("it was written again each time that it was read", key)


def _of_host(host: str, body: Mapping[str, Any], key: str) -> Heartbeat:
    beat = Heartbeat.from_fact(body, where=key)
    if beat.host != host:
        raise _malformed(f"it says that it is of {beat.host or 'nobody'}", key)
    return beat


def _malformed(why: str, key: str) -> MalformedDataError:
    return MalformedDataError(why, where=key, remedy="See who writes it.")
