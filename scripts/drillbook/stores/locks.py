"""Proves that what must not be removed can't be: versioning, mode and days of a bucket's own lock."""

from dataclasses import dataclass

from drillbook.errors import RefusedError
from drillbook.model import Check, CheckStatus, Repository, Stage
from drillbook.stores.permissions import Permissions

_MODE = "COMPLIANCE"
_REMEDY = "See docs/how-to/object_store.md and docs/how-to/aws-s3.md: lock days cover what the inventory says to keep."


@dataclass(frozen=True, slots=True)
class Kept:
    """A bucket, and how many days each of its objects must be locked; ``why`` says what they cover."""

    what: str
    bucket: str
    days: int
    why: str


def kept_repository(name: str, repository: Repository) -> Kept:
    """What a repository needs: each backup of the retention, up to the next full one, and a day more."""
    why = f"{repository.retention_days} days of retention, {repository.full_interval_days} between full backups, and one more"
    return Kept(f"repository {name}", repository.bucket, repository.lock_days, why)


def prove_locked(reader: Permissions, kept: Kept) -> Check:
    """Return the check; raises RefusedError where the bucket is not versioned, or not locked hard or long enough."""
    lock = reader.lock(kept.bucket)
    if lock is None:
        raise _refused(kept, "it has no default lock")
    if lock.mode != _MODE:
        raise _refused(kept, f"its lock has the mode {lock.mode}, which whoever may bypass it removes")
    if lock.days < kept.days:
        raise _refused(kept, f"its lock is for {lock.days} days, and {kept.days} are needed ({kept.why})")
    if not reader.is_versioned(kept.bucket):
        raise _refused(kept, "it is not versioned")
    expected = f"{_MODE}, at least {kept.days} days, versioned"
    actual = f"{lock.mode}, {lock.days} days, versioned"
    return Check(f"{kept.what} is locked", Stage.GATE, CheckStatus.PASSED, expected, actual)


def _refused(kept: Kept, why: str) -> RefusedError:
    return RefusedError(
        f"the bucket of the {kept.what} protects nothing: {why}", where=f"bucket {kept.bucket}", remedy=_REMEDY
    )
