"""Proves that what must not be removed can't be: versioning, mode and days of a bucket's own lock."""

from dataclasses import dataclass

from drillbook.errors import RefusedError
from drillbook.model import Check, CheckStatus, Repository, Stage
from drillbook.stores.permissions import Permissions

_MODE = "COMPLIANCE"
_REMEDY = "See docs/how-to/object_store.md and docs/how-to/aws-s3.md: lock days cover what the inventory says to keep."


@dataclass(frozen=True, slots=True)
class LockedBucket:
    """A bucket, and how many days each of its objects must be locked; ``why`` says what they cover."""

    what: str
    name: str
    days: int
    why: str


def bucket_of_repository(name: str, repository: Repository) -> LockedBucket:
    """What a repository needs: each backup of the retention, up to the next full one, and a day more."""
    why = f"{repository.retention_days} days of retention, {repository.full_interval_days} between full backups, and one more"
    return LockedBucket(f"repository {name}", repository.bucket, repository.lock_days, why)


def prove_locked(reader: Permissions, bucket: LockedBucket) -> Check:
    """Return the check; raises RefusedError where the bucket is not versioned, or not locked hard or long enough."""
    lock = reader.lock(bucket.name)
    if lock is None:
        raise _refused(bucket, "it has no default lock")
    if lock.mode != _MODE:
        raise _refused(bucket, f"its lock has the mode {lock.mode}, which whoever may bypass it removes")
    if lock.days < bucket.days:
        raise _refused(bucket, f"its lock is for {lock.days} days, and {bucket.days} are needed ({bucket.why})")
    if not reader.is_versioned(bucket.name):
        raise _refused(bucket, "it is not versioned")
    expected = f"{_MODE}, at least {bucket.days} days, versioned"
    actual = f"{lock.mode}, {lock.days} days, versioned"
    return Check(f"{bucket.what} is locked", Stage.GATE, CheckStatus.PASSED, expected, actual)


def _refused(bucket: LockedBucket, why: str) -> RefusedError:
    return RefusedError(
        f"the bucket of the {bucket.what} protects nothing: {why}", where=f"bucket {bucket.name}", remedy=_REMEDY
    )
