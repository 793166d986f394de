"""What moto's S3 lacks to judge a key by its policies: locks, access blocks, the source of a copy, TLS, and what is malformed.

moto takes an action that it does not know for another one, and every condition of a bucket's policy for met. It wants a checksum of
a copy into a locked bucket, which has no body, and takes any text for a policy and any word for a state of versioning or of a lock.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from moto.iam.access_control import S3IAMRequest
from moto.s3.exceptions import MalformedXML
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import ACTION_MAP, S3Response
from werkzeug.datastructures import Headers

_PERMISSION = FakeBucket.get_permission
_AUTHORIZE: Any = S3Response._authenticate_and_authorize_s3_action
_PUT_POLICY = S3Backend.put_bucket_policy
_PUT_VERSIONING = S3Backend.put_bucket_versioning
_PUT_LOCK: Any = S3Backend.put_object_lock_configuration
_BUCKET = {
    ("GET", "object-lock"): "GetBucketObjectLockConfiguration",
    ("PUT", "object-lock"): "PutBucketObjectLockConfiguration",
    ("PUT", "publicAccessBlock"): "PutBucketPublicAccessBlock",
    ("DELETE", "publicAccessBlock"): "PutBucketPublicAccessBlock",
}
_KEY = {
    ("GET", "retention"): "GetObjectRetention",
    ("PUT", "retention"): "PutObjectRetention",
    ("PUT", "legal-hold"): "PutObjectLegalHold",
}


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """Tests speak plain HTTP to a server of this machine; a policy that only wants TLS says nothing about them."""
    if bucket.policy is not None and b"aws:SecureTransport" in bucket.policy:
        policy, bucket.policy = bucket.policy, None
        try:
            return _PERMISSION(bucket, action, resource)
        finally:
            bucket.policy = policy
    return _PERMISSION(bucket, action, resource)


def _authorize(self: Any, bucket_name: str | None = None, key_name: str | None = None) -> None:
    """A copy also reads: AWS wants GetObject, or GetObjectVersion, on what is copied. Who may not list learns of no absent key."""
    _AUTHORIZE(self, bucket_name=bucket_name, key_name=key_name)
    if key_name is None:
        return
    if self.data["Action"] == "GetObject" and self.backend.get_object(bucket_name, key_name) is None:
        self.data["Action"] = "ListBucket"
        _AUTHORIZE(self, bucket_name=bucket_name)
    source = self.headers.get("x-amz-copy-source")
    if not source:
        return
    parts = urlsplit(source if isinstance(source, str) else source.decode())
    asked, self.data["Action"] = self.data["Action"], "GetObjectVersion" if parts.query else "GetObject"
    try:
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        self._authenticate_and_authorize_action(S3IAMRequest, f"arn:aws:s3:::{bucket}/{key}")
    finally:
        self.data["Action"] = asked
    self.headers = Headers(self.headers)
    self.headers["Content-Md5"] = "of a copy"


def _put_policy(backend: Any, bucket_name: str, policy: bytes) -> None:
    if b'"Statement"' not in policy:
        raise MalformedXML
    _PUT_POLICY(backend, bucket_name, policy)


def _put_versioning(backend: Any, bucket_name: str, status: str) -> None:
    if status not in {"Enabled", "Suspended"}:
        raise MalformedXML
    _PUT_VERSIONING(backend, bucket_name, status)


def _put_lock(backend: Any, bucket_name: str, lock_enabled: Any, *rest: Any, **more: Any) -> None:
    if lock_enabled not in {True, "Enabled"}:
        raise MalformedXML
    _PUT_LOCK(backend, bucket_name, lock_enabled, *rest, **more)


def complete_s3() -> None:
    """Teach moto's S3; to be done before its server starts."""
    for kind, actions in (("BUCKET", _BUCKET), ("KEY", _KEY)):
        for (method, word), action in actions.items():
            ACTION_MAP[kind][method] = {word: action, **ACTION_MAP[kind][method]}
    patched: Any = FakeBucket
    patched.get_permission = _permission
    backend: Any = S3Backend
    backend.put_bucket_policy = _put_policy
    backend.put_bucket_versioning = _put_versioning
    backend.put_object_lock_configuration = _put_lock
    response: Any = S3Response
    response._authenticate_and_authorize_s3_action = _authorize
