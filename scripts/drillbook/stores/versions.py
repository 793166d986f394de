"""Brings a versioned path back to an earlier moment: what was deleted or overwritten since then becomes current again.

Nothing is removed: the earlier versions are copied in front of what is there, and what came later under other keys stays.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from drillbook.errors import InfrastructureError
from drillbook.model import ObjectStore, Repository, format_instant

OPERATOR = "restore_operator"
Answer = TypeVar("Answer")
_COPIES_AT_ONCE = 8
_IN_ONE_PIECE = TransferConfig(multipart_threshold=5 * 1024**3, use_threads=False)
"""Up to 5 GiB, the most that S3 copies at once; larger objects go in parts."""


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a key: an object's version (size in bytes), or the marker that a deletion left (``deleted``)."""

    key: str
    version_id: str
    modified_at: datetime
    is_current: bool
    size: int = 0
    deleted: bool = False
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What has to be done: versions to copy, keys that are as they were, and keys that are newer than the moment."""

    bring_back: tuple[Version, ...]
    unchanged: int
    newer: int

    @property
    def size(self) -> int:
        """Bytes to copy, inside the store."""
        return sum(version.size for version in self.bring_back)


def plan_recovery(states: Iterable[Version], as_of: datetime) -> Recovery:
    """Compare each key's state at ``as_of`` with the present one; ``states`` come in the order of the store's listing.

    The store lists the states of a key newest first, which decides between two of the same second.
    """
    bring_back, unchanged, newer = [], 0, 0
    for _key, listed in itertools.groupby(sorted(states, key=lambda state: state.key), key=lambda state: state.key):
        history = sorted(listed, key=lambda state: state.modified_at, reverse=True)
        then = next((state for state in history if state.modified_at <= as_of), None)
        now = next((state for state in history if state.is_current and not state.deleted), None)
        if then is None or then.deleted:
            newer += now is not None
        elif now is not None and (now.version_id == then.version_id or now.etag == then.etag != ""):
            unchanged += 1
        else:
            bring_back.append(then)
    return Recovery(tuple(bring_back), unchanged, newer)


class VersionedPath:
    """The versions below a path, with a user that may read them and put."""

    def __init__(self, store: ObjectStore, repository: Repository, client: Any) -> None:
        self._store = store
        self._bucket = repository.bucket
        self._prefix = repository.prefix
        self._client = client

    def states(self) -> tuple[Version, ...]:
        """Every state of every key, as the store lists them; raises InfrastructureError."""
        return self._ask("listing versions", lambda: tuple(self._listed()))

    def bring_back(self, versions: Iterable[Version], done: Callable[[Version], object]) -> None:
        """Copy each version in front of its key's present state, inside the store; raises InfrastructureError.

        It can be repeated: a copy has the ETag of its origin and is no longer part of the next plan. Only what was once
        uploaded in parts gets another one, and is copied again.
        """
        with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
            for version in pool.map(self._copy, versions):
                done(version)

    def _listed(self) -> Iterable[Version]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            yield from (_version(entry, deleted=False) for entry in page.get("Versions", ()))
            yield from (_version(entry, deleted=True) for entry in page.get("DeleteMarkers", ()))

    def _copy(self, version: Version) -> Version:
        source = {"Bucket": self._bucket, "Key": version.key, "VersionId": version.version_id}
        self._ask(
            f"copying {version.key}", lambda: self._client.copy(source, self._bucket, version.key, Config=_IN_ONE_PIECE)
        )
        return version

    def _ask(self, what: str, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise InfrastructureError(
                f"the store failed while {what}: {error}",
                where=f"{self._store.endpoint}, bucket {self._bucket}",
                remedy=f"See that the store is up and that {OPERATOR} may read versions and put; then run it again.",
            ) from error


def _version(entry: Mapping[str, Any], *, deleted: bool) -> Version:
    return Version(
        key=entry["Key"],
        version_id=entry["VersionId"],
        modified_at=entry["LastModified"],
        is_current=bool(entry["IsLatest"]),
        size=int(entry.get("Size", 0)),
        deleted=deleted,
        etag=entry.get("ETag", ""),
    )


def describe(recovery: Recovery, as_of: datetime) -> dict[str, Any]:
    """The plan as it is shown."""
    return {
        "as_of": format_instant(as_of),
        "bring_back": [version.key for version in recovery.bring_back],
        "bytes": recovery.size,
        "unchanged": recovery.unchanged,
        "newer": recovery.newer,
    }
