"""Proves by trying what a drill's credentials can't do, and that the writer of evidence can do what it is for.

Refuses to start if one of those things succeeds, or if what they can't do protects nothing.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from drillbook.errors import DrillbookError, InfrastructureError, NotAcceptedError, RefusedError
from drillbook.model import Check, CheckStatus, Mode, ObjectStore, Repository, Stage
from drillbook.stores.locks import LockedBucket, bucket_of_repository, prove_locked
from drillbook.stores.permissions import Permissions

AUDITOR = "auditor"
"""Reads all buckets, and stays on the controller."""
READER = "repository_reader"
"""Reads the repositories alone: it goes into sandboxes, whose root may be an attacker's."""
WRITER = "evidence_writer"
_HTTP_DATE_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Attempt:
    what: str
    where: str
    try_it: Callable[[], bool]


Newest = Callable[[], tuple[str, bytes] | None]


class Preflight:
    """The store can be reached, clocks agree, buckets are locked, and auditor, reader and evidence writer are no more than that.

    ``users`` opens a user of the store by name, at the time of the proof: the very files that the drill will use. ``newest`` is an
    object of the anchor, key and content, that the writer may put once more: the signature of the newest entry, None in an empty log.
    """

    def __init__(
        self,
        store: ObjectStore,
        users: Callable[[str], Permissions],
        *,
        clock_offset_limit: timedelta,
        anchored: bool,
        newest: Newest,
    ) -> None:
        self._store = store
        self._users = users
        self._limit = clock_offset_limit
        self._anchored = anchored
        self._newest = newest

    def prove(self, mode: Mode) -> tuple[Check, ...]:
        """Return the checks, all green but for what an empty log leaves untried.

        Raises RefusedError that names a permission which must not be there, or a lock that is too weak. Raises InfrastructureError
        when the store can't be reached, a credential is not valid, or this machine's clock is off. In place nothing but a dead store
        may stop the operator: what else is wrong only leaves the run unproven, and the reader, which such a restore does not use, is
        not tried.
        """
        return self._in_sandbox() if mode is Mode.SANDBOX else tuple(self._in_place())

    def _in_sandbox(self) -> tuple[Check, ...]:
        auditor = self._users(AUDITOR)
        checks = [self._clock(auditor, Mode.SANDBOX)]
        if self._store.repositories:
            reader = self._users(READER)
            checks += [self._listed(reader, name, found) for name, found in self._store.repositories.items()]
            checks.append(_denied(READER, self._reader_attempts(reader, auditor)))
        checks.append(_denied(AUDITOR, self._auditor_attempts(auditor)))
        checks += [prove_locked(auditor, bucket) for bucket in self._locked_buckets()]
        if self._anchored:
            writer = self._users(WRITER)
            checks += [_denied(WRITER, self._writer_attempts(writer, auditor)), self._adds(writer)]
        return tuple(checks)

    def _in_place(self) -> Iterator[Check]:
        """Skipped checks for what is lost with the controller, or is not as it should be: the rescue comes first."""
        try:
            auditor = self._users(AUDITOR)
        except DrillbookError as error:
            yield _skipped(f"{AUDITOR} is there", error)
            return
        yield _tolerant("clock of the controller", lambda: self._clock(auditor, Mode.IN_PLACE))
        for name, found in self._store.repositories.items():
            yield _tolerant(f"repository {name} can be read", partial(self._listed, auditor, name, found))
        for bucket in self._locked_buckets():
            yield _tolerant(f"{bucket.what} is locked", partial(prove_locked, auditor, bucket))
        if self._anchored:
            try:
                writer = self._users(WRITER)
                yield _denied(WRITER, self._writer_attempts(writer, auditor))
                yield self._adds(writer)
            except DrillbookError as error:
                yield _skipped(f"{WRITER} is limited, and can add", error)

    def _locked_buckets(self) -> Iterator[LockedBucket]:
        for name, repository in self._store.repositories.items():
            yield bucket_of_repository(name, repository)
        if self._anchored:
            days = self._store.evidence_days
            yield LockedBucket("evidence", self._store.evidence_bucket, days, "evidence_days")

    def _adds(self, writer: Permissions) -> Check:
        """The positive control: a writer that is denied everything is limited as well."""
        name, newest = f"{WRITER} can add", self._newest()
        if newest is None:
            message = "there is no entry yet to try it with"
            return Check(name, Stage.GATE, CheckStatus.SKIPPED, message=message, remedy="The first run tries it.")
        key, content = newest
        if not writer.can_add(self._store.evidence_bucket, key, content):
            raise NotAcceptedError(
                f"{writer.user} can't add to the evidence",
                where=f"bucket {self._store.evidence_bucket}, key {key}",
                remedy="Apply the object store's policies again; the writer needs PutObject.",
            )
        return _passed(name, "the newest signature put once more", "taken")

    def _clock(self, user: Permissions, mode: Mode) -> Check:
        difference = user.clock_difference()
        allowed = self._limit + _HTTP_DATE_STEP
        if abs(difference) > allowed and mode is Mode.IN_PLACE:
            return Check(
                name="clock of the controller",
                stage=Stage.GATE,
                status=CheckStatus.SKIPPED,
                message=f"{difference.total_seconds():+.1f} s off the store's clock: no RPO can be told",
                remedy="Correct time synchronisation when the service is back.",
            )
        if abs(difference) > allowed:
            raise InfrastructureError(
                f"clock fault: this machine is {difference.total_seconds():+.1f} s off the store's clock "
                f"(limit {allowed.total_seconds():g} s)",
                where=self._store.endpoint,
                remedy="Correct time synchronisation here or on the store.",
            )
        return _passed(
            "clock of the controller",
            f"within {allowed.total_seconds():g} s of the store",
            f"{difference.total_seconds():+.1f} s",
        )

    def _listed(self, user: Permissions, name: str, repository: Repository) -> Check:
        if not user.can_list(repository.bucket, repository.prefix):
            raise NotAcceptedError(
                f"{user.user} can't list the repository {name}",
                where=f"bucket {repository.bucket}, path {repository.path}",
                remedy="Apply the object store's policies again; a reader needs ListBucket and GetObject.",
            )
        return _passed(f"repository {name} can be read", "listing allowed", "listed")

    def _reader_attempts(self, user: Permissions, auditor: Permissions) -> Iterator[_Attempt]:
        yield from self._auditor_attempts(user)
        for bucket in (self._store.evidence_bucket, self._store.heartbeat_bucket):
            yield _reading(user, auditor, bucket, "", _absent_key())

    def _auditor_attempts(self, user: Permissions) -> Iterator[_Attempt]:
        for repository in self._store.repositories.values():
            yield from _of_reader(user, repository.bucket, f"{repository.prefix}{_absent_key()}")
        heartbeat, absent = self._store.heartbeat_bucket, _absent_key()
        yield _Attempt("put an object", heartbeat, lambda: user.can_put(heartbeat, absent))
        other = f"drillbook-preflight-{secrets.token_hex(8)}"
        yield _Attempt("create a bucket", other, lambda: user.can_create_bucket(other))

    def _writer_attempts(self, user: Permissions, auditor: Permissions) -> Iterator[_Attempt]:
        bucket, key = self._store.evidence_bucket, _absent_key()
        yield from _destructive(user, bucket, key)
        yield _reading(user, auditor, bucket, "", key)
        yield _reading(user, auditor, self._store.heartbeat_bucket, "", key)
        for repository in self._store.repositories.values():
            yield from _of_writer(user, repository.bucket, f"{repository.prefix}{key}")
            yield _reading(user, auditor, repository.bucket, repository.prefix, key)


def _tolerant(name: str, prove: Callable[[], Check]) -> Check:
    """A check of the bad day: skipped where it does not hold. Raises InfrastructureError of a dead store alone."""
    try:
        return prove()
    except (NotAcceptedError, RefusedError) as error:
        return _skipped(name, error)


def _skipped(name: str, error: DrillbookError) -> Check:
    return Check(name, Stage.GATE, CheckStatus.SKIPPED, message=error.message, remedy=error.remedy)


def _absent_key() -> str:
    return f"drillbook-preflight-{secrets.token_hex(16)}"


def _of_reader(user: Permissions, bucket: str, key: str) -> Iterator[_Attempt]:
    """What a reader must not do in a repository."""
    yield from _destructive(user, bucket, key)
    yield _Attempt("put an object", bucket, lambda: user.can_put(bucket, key))
    yield _Attempt("start a multipart upload", bucket, lambda: user.can_start_multipart(bucket, key))


def _of_writer(user: Permissions, bucket: str, key: str) -> Iterator[_Attempt]:
    """What the writer of evidence must not do in a repository."""
    yield _Attempt("put an object", bucket, lambda: user.can_put(bucket, key))
    yield _Attempt("delete an object", bucket, lambda: user.can_delete(bucket, key))


def _reading(user: Permissions, auditor: Permissions, bucket: str, prefix: str, absent: str) -> _Attempt:
    """Reading what is there, where something is: of an absent key AWS denies also who may read, but not list."""
    present = auditor.any_key(bucket, prefix) or f"{prefix}{absent}"
    return _Attempt("get an object", bucket, lambda: user.can_get(bucket, present))


def _destructive(user: Permissions, bucket: str, key: str) -> Iterator[_Attempt]:
    yield _Attempt("delete an object", bucket, lambda: user.can_delete(bucket, key))
    yield _Attempt("delete a version past its lock", bucket, lambda: user.can_delete_version(bucket, key))
    yield _Attempt("change the bucket's lock", bucket, lambda: user.can_change_lock(bucket))
    yield _Attempt("change the bucket's policy", bucket, lambda: user.can_change_policy(bucket))
    yield _Attempt("change the bucket's lifecycle", bucket, lambda: user.can_change_lifecycle(bucket))
    yield _Attempt("change the bucket's versioning", bucket, lambda: user.can_change_versioning(bucket))


def _denied(user: str, attempts: Iterator[_Attempt]) -> Check:
    tried = 0
    for attempt in attempts:
        tried += 1
        if attempt.try_it():
            raise RefusedError(
                f"{user} may {attempt.what}: a drill must not hold such a credential",
                where=f"bucket {attempt.where}",
                remedy=f"Give the drill the real {user}, and apply the object store's policies again.",
            )
    return _passed(f"{user} is limited", f"{tried} forbidden actions denied", f"{tried} denied")


def _passed(name: str, expected: str, actual: str) -> Check:
    return Check(name=name, stage=Stage.GATE, status=CheckStatus.PASSED, expected=expected, actual=actual)
