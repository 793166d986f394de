"""The preflight refuses each permission that must not be there, and never takes a dead store for a safe one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.world import World

from drillbook.config.schema import ObjectStoreVariables, RepositoryVariables
from drillbook.errors import InfrastructureError, NotAcceptedError, RefusedError
from drillbook.model import Check, CheckStatus, Mode, Repository
from drillbook.stores.limits import AUDITOR, READER, WRITER, Preflight
from drillbook.stores.permissions import Lock

CHANGES = {
    "can_put": "put an object",
    "can_delete": "delete an object",
    "can_delete_version": "delete a version",
    "can_start_multipart": "multipart",
    "can_change_policy": "policy",
    "can_change_lifecycle": "lifecycle",
    "can_change_versioning": "versioning",
    "can_change_lock": "lock",
    "can_create_bucket": "create a bucket",
}
FORBIDDEN = {
    AUDITOR: CHANGES,
    READER: {**CHANGES, "can_get": "get an object"},
    WRITER: {
        "can_get": "get an object",
        "can_delete": "delete an object",
        "can_delete_version": "delete a version",
        "can_change_policy": "policy",
    },
}


GOOD = Lock("COMPLIANCE", 38)
LONG = Lock("COMPLIANCE", 400)
NEWEST = ("site-a/000007-opened.sig", b"a signature")


@dataclass
class FakeUser:
    """May do exactly what is in ``allowed``, where it is given only in that bucket, and list everywhere; remembers what was tried.

    ``trouble`` is what the store answers to a look at the clock. The buckets have the lock and the versioning that are given.
    """

    user: str
    allowed: Iterable[str]
    tried: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    difference: timedelta = timedelta()
    only_in: str | None = None
    present: str | None = None
    locks: Mapping[str, Lock | None] = field(
        default_factory=lambda: {"repository": GOOD, "evidence": LONG, "exports": GOOD}
    )
    unversioned: Iterable[str] = ()
    trouble: InfrastructureError | None = None

    def any_key(self, _bucket: str, prefix: str = "") -> str | None:
        return f"{prefix}{self.present}" if self.present else None

    def clock_difference(self) -> timedelta:
        if self.trouble is not None:
            raise self.trouble
        return self.difference

    def lock(self, bucket: str) -> Lock | None:
        return self.locks[bucket]

    def is_versioned(self, bucket: str) -> bool:
        return bucket not in self.unversioned

    def __getattr__(self, name: str) -> Any:
        def attempt(*arguments: str) -> bool:
            self.tried.append((name, arguments))
            here = self.only_in in (None, arguments[0]) or name == "can_list"
            return name in self.allowed and here

        return attempt


def preflight(world: World, reader: FakeUser, writer: FakeUser, auditor: FakeUser | None = None) -> Preflight:
    users = {AUDITOR: auditor or FakeUser(AUDITOR, {"can_list"}), READER: reader, WRITER: writer}
    return Preflight(
        world.configuration.store,
        users.__getitem__,  # type: ignore[arg-type] # the fake answers every attempt by name
        clock_offset_limit=timedelta(seconds=2),
        anchored=True,
        newest=lambda: NEWEST,
    )


def test_proper_credentials_pass(world: World) -> None:
    checks = preflight(world, FakeUser(READER, {"can_list"}), FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)
    assert {check.status for check in checks} == {CheckStatus.PASSED}


@pytest.mark.parametrize(("user", "permission"), [(user, name) for user in FORBIDDEN for name in FORBIDDEN[user]])
def test_each_forbidden_permission_is_refused_by_name(world: World, user: str, permission: str) -> None:
    reader = FakeUser(READER, {"can_list"} | ({permission} if user == READER else set()))
    auditor = FakeUser(AUDITOR, {"can_list"} | ({permission} if user == AUDITOR else set()))
    writer = FakeUser(WRITER, {"can_add"} | ({permission} if user == WRITER else set()))
    with pytest.raises(RefusedError) as caught:
        preflight(world, reader, writer, auditor).prove(Mode.SANDBOX)
    assert user in caught.value.message
    assert FORBIDDEN[user][permission] in caught.value.message


def test_only_random_absent_keys_under_the_stanzas_path_are_tried(world: World) -> None:
    reader = FakeUser(READER, {"can_list"})
    preflight(world, reader, FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)
    keys = {where[0]: where[1] for name, where in reader.tried if name == "can_put"}
    assert keys["repository"].startswith("pgbackrest/drillbook-preflight-")
    assert keys["heartbeat"].startswith("drillbook-preflight-")
    again = FakeUser(READER, {"can_list"})
    preflight(world, again, FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)
    assert again.tried != reader.tried


def test_reader_that_can_not_list_is_an_error(world: World) -> None:
    with pytest.raises(InfrastructureError, match="can't list the repository"):
        preflight(world, FakeUser(READER, ()), FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)


def test_controllers_clock_stops_a_drill_but_not_the_bad_day(world: World) -> None:
    auditor = FakeUser(AUDITOR, {"can_list"}, difference=timedelta(seconds=5))
    proof = preflight(world, FakeUser(READER, {"can_list"}), FakeUser(WRITER, {"can_add"}), auditor)
    with pytest.raises(InfrastructureError, match=r"\+5\.0 s off"):
        proof.prove(Mode.SANDBOX)
    assert proof.prove(Mode.IN_PLACE)[0].status is CheckStatus.SKIPPED


@pytest.mark.parametrize(
    ("auditor", "writer", "skipped"),
    [
        (None, FakeUser(WRITER, {"can_add"}), ["auditor is there"]),
        (FakeUser(AUDITOR, {"can_list"}), None, ["evidence_writer is limited, and can add"]),
        (
            FakeUser(AUDITOR, {"can_list"}),
            FakeUser(WRITER, {"can_add", "can_delete"}),
            ["evidence_writer is limited, and can add"],
        ),
        (FakeUser(AUDITOR, ()), FakeUser(WRITER, {"can_add"}), ["repository pgbackrest can be read"]),
    ],
)
def test_on_the_bad_day_no_credential_stops_the_rescue(
    world: World, auditor: FakeUser | None, writer: FakeUser | None, skipped: list[str]
) -> None:
    """The run can't be PASS then, for a check is skipped; a drill is refused."""
    users = {AUDITOR: auditor, READER: None, WRITER: writer}

    def opened(name: str) -> FakeUser:
        found = users[name]
        if found is None:
            raise InfrastructureError("its keys can't be read", where=name, remedy="Bring them back from escrow.")
        return found

    proof = Preflight(
        world.configuration.store, opened, clock_offset_limit=timedelta(seconds=2), anchored=True, newest=lambda: NEWEST
    )  # type: ignore[arg-type] # as above
    found = proof.prove(Mode.IN_PLACE)
    assert [check.name for check in found if check.status is not CheckStatus.PASSED] == skipped
    assert all(check.remedy for check in found if check.name in skipped)
    with pytest.raises((InfrastructureError, RefusedError)):
        proof.prove(Mode.SANDBOX)


def test_each_repository_is_tried(world: World) -> None:
    """A right on the second one is as dangerous as on the first."""
    store = replace(
        world.configuration.store,
        repositories={
            "pgbackrest": Repository("repository", "/pgbackrest"),
            "exports": Repository("exports", "/redis"),
        },
    )
    spoiled = replace(world.configuration, store=store)
    reader = FakeUser(READER, {"can_list", "can_put"}, only_in="exports")
    with pytest.raises(RefusedError, match="repository_reader may put an object") as caught:
        preflight(replace(world, configuration=spoiled), reader, FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)
    assert caught.value.where == "bucket exports"
    writer = FakeUser(WRITER, {"can_add", "can_delete"}, only_in="exports")
    with pytest.raises(RefusedError, match="evidence_writer may delete an object"):
        preflight(replace(world, configuration=spoiled), FakeUser(READER, {"can_list"}), writer).prove(Mode.SANDBOX)


@pytest.mark.parametrize("present", ["log/000001-opened.json", None])
def test_reading_is_tried_on_an_entry_that_is_there(world: World, present: str | None) -> None:
    """AWS tells whoever may not list that an absent key is denied, and so would tell nothing of the right to read."""
    writer = FakeUser(WRITER, {"can_add"})
    reader, auditor = FakeUser(READER, {"can_list"}), FakeUser(AUDITOR, {"can_list"}, present=present)
    preflight(world, reader, writer, auditor).prove(Mode.SANDBOX)
    keys = dict(where for name, where in writer.tried if name == "can_get")
    assert keys.keys() == {"evidence", "heartbeat", "repository"}
    for bucket, key in keys.items():
        prefix = "pgbackrest/" if bucket == "repository" else ""
        assert key == f"{prefix}{present}" if present else key.startswith(f"{prefix}drillbook-preflight-")


@pytest.mark.parametrize("bucket", ["repository", "heartbeat", "evidence"])
def test_a_writer_of_evidence_that_reads_anything_is_refused(world: World, bucket: str) -> None:
    """What it could read in the repository are the backups themselves."""
    writer = FakeUser(WRITER, {"can_get"}, only_in=bucket)
    with pytest.raises(RefusedError, match="evidence_writer may get an object") as caught:
        preflight(world, FakeUser(READER, {"can_list"}), writer).prove(Mode.SANDBOX)
    assert caught.value.where == f"bucket {bucket}"


def test_a_writer_that_is_denied_everything_is_not_limited_but_useless(world: World) -> None:
    reader, writer = FakeUser(READER, {"can_list"}), FakeUser(WRITER, ())
    with pytest.raises(InfrastructureError, match="evidence_writer can't add to the evidence"):
        preflight(world, reader, writer).prove(Mode.SANDBOX)
    (where,) = [where for name, where in writer.tried if name == "can_add"]
    assert where == ("evidence", *NEWEST), "the very next put is tried with what is there already"
    (skipped,) = [check for check in preflight(world, reader, writer).prove(Mode.IN_PLACE) if check.message]
    assert (skipped.name, skipped.status) == ("evidence_writer is limited, and can add", CheckStatus.SKIPPED)


def test_an_empty_log_leaves_the_writer_untried_and_says_so(world: World) -> None:
    users = {user: FakeUser(user, {"can_list"}) for user in (AUDITOR, READER)} | {WRITER: FakeUser(WRITER, ())}
    proof = Preflight(
        world.configuration.store,
        users.__getitem__,  # type: ignore[arg-type] # the fake answers every attempt by name
        clock_offset_limit=timedelta(seconds=2),
        anchored=True,
        newest=lambda: None,
    )
    (untried,) = [check for check in proof.prove(Mode.SANDBOX) if check.status is not CheckStatus.PASSED]
    assert (untried.name, untried.status) == ("evidence_writer can add", CheckStatus.SKIPPED)


@pytest.mark.parametrize("bucket", ["repository", "evidence"])
@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (None, "no default lock"),
        (Lock("GOVERNANCE", 9999), "mode GOVERNANCE"),
        (Lock("COMPLIANCE", 37), "for 37 days"),
        ("unversioned", "not versioned"),
    ],
)
def test_a_bucket_that_protects_nothing_is_refused_and_told_in_place(
    world: World, bucket: str, lock: Lock | str | None, said: str
) -> None:
    """30 days of retention, 7 between full backups and one more: the defaults of the roles."""
    auditor = FakeUser(AUDITOR, {"can_list"}, unversioned=[bucket] if isinstance(lock, str) else [])
    if not isinstance(lock, str):
        auditor.locks = {**auditor.locks, bucket: lock}
    proof = preflight(world, FakeUser(READER, {"can_list"}), FakeUser(WRITER, {"can_add"}), auditor)
    with pytest.raises(RefusedError, match=said) as caught:
        proof.prove(Mode.SANDBOX)
    assert (caught.value.where, bucket in caught.value.message) == (f"bucket {bucket}", True)
    (skipped,) = [check for check in proof.prove(Mode.IN_PLACE) if check.status is CheckStatus.SKIPPED]
    assert said in skipped.message


def test_how_long_a_lock_must_be_is_what_the_inventory_keeps(world: World) -> None:
    repository = replace(world.configuration.store.repositories["pgbackrest"], retention_days=60, full_interval_days=14)
    store = replace(world.configuration.store, repositories={"pgbackrest": repository}, evidence_days=3)
    changed = replace(world, configuration=replace(world.configuration, store=store))
    for days, good in ((74, False), (75, True)):
        locks = {"repository": Lock("COMPLIANCE", days), "evidence": Lock("COMPLIANCE", 3)}
        reader, auditor = FakeUser(READER, {"can_list"}), FakeUser(AUDITOR, {"can_list"}, locks=locks)
        proof = preflight(changed, reader, FakeUser(WRITER, {"can_add"}), auditor)
        if good:
            assert {check.status for check in proof.prove(Mode.SANDBOX)} == {CheckStatus.PASSED}
        else:
            with pytest.raises(RefusedError, match="75 are needed"):
                proof.prove(Mode.SANDBOX)


def test_in_place_only_a_dead_store_stops_not_a_key_that_it_does_not_take(world: World) -> None:
    """A rotated key, or a heartbeat bucket that is gone: the store answers, and the rescue goes on."""

    def proven(trouble: InfrastructureError) -> tuple[Check, ...]:
        auditor = FakeUser(AUDITOR, {"can_list"}, trouble=trouble)
        proof = preflight(world, FakeUser(READER, ()), FakeUser(WRITER, {"can_add"}), auditor)
        return proof.prove(Mode.IN_PLACE)

    found = proven(NotAcceptedError("the store does not accept the credentials", where="store", remedy="Renew them."))
    assert [check.name for check in found if check.status is CheckStatus.SKIPPED] == ["clock of the controller"]
    with pytest.raises(InfrastructureError, match="can't be reached"):
        proven(InfrastructureError("the object store can't be reached", where="store", remedy="-"))


def test_a_store_without_repositories_needs_no_reader(world: World) -> None:
    """Drills of machines bring no key of the store into a sandbox."""
    store = replace(world.configuration.store, repositories={})
    bare = replace(world, configuration=replace(world.configuration, store=store))
    reader = FakeUser(READER, CHANGES)
    checks = preflight(bare, reader, FakeUser(WRITER, {"can_add"})).prove(Mode.SANDBOX)
    assert ({check.status for check in checks}, reader.tried) == ({CheckStatus.PASSED}, [])


def test_what_the_inventory_keeps_by_default_is_what_the_roles_do() -> None:
    root = Path(__file__).resolve().parents[3] / "roles"
    store = yaml.safe_load((root / "object_store/defaults/main.yml").read_text(encoding="utf-8"))
    repository, variables = RepositoryVariables(bucket="x"), ObjectStoreVariables.model_fields
    kept = Repository(repository.bucket, repository.path, repository.retention_days, repository.full_interval_days)
    assert kept.lock_days == store["object_store_repository_lock_days"]
    assert variables["evidence_days"].default == store["object_store_evidence_lock_days"]
    pgbackrest = yaml.safe_load((root / "pgbackrest/defaults/main.yml").read_text(encoding="utf-8"))
    assert f"default({repository.retention_days})" in pgbackrest["pgbackrest_retention_days"]
