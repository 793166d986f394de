"""The preflight refuses each permission that must not be there, and never takes a dead store for a safe one."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.world import World

from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import CheckStatus, Mode, Repository
from drillbook.stores.limits import READER, WRITER, Preflight

FORBIDDEN = {
    READER: {
        "can_put": "put an object",
        "can_delete": "delete an object",
        "can_delete_version": "delete a version",
        "can_start_multipart": "multipart",
        "can_change_policy": "policy",
        "can_change_lifecycle": "lifecycle",
        "can_change_versioning": "versioning",
        "can_change_lock": "lock",
        "can_create_bucket": "create a bucket",
    },
    WRITER: {
        "can_get": "get an object",
        "can_delete": "delete an object",
        "can_delete_version": "delete a version",
        "can_change_policy": "policy",
    },
}


@dataclass
class FakeUser:
    """May do exactly what is in ``allowed``, where it is given only in that bucket, and list everywhere; remembers what was tried."""

    user: str
    allowed: Iterable[str]
    tried: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    difference: timedelta = timedelta()
    only_in: str | None = None
    present: str | None = None

    def any_key(self, _bucket: str, prefix: str = "") -> str | None:
        return f"{prefix}{self.present}" if self.present else None

    def clock_difference(self) -> timedelta:
        return self.difference

    def __getattr__(self, name: str) -> Any:
        def attempt(*arguments: str) -> bool:
            self.tried.append((name, arguments))
            here = self.only_in in (None, arguments[0]) or name == "can_list"
            return name in self.allowed and here

        return attempt


def preflight(world: World, reader: FakeUser, writer: FakeUser) -> Preflight:
    users = {READER: reader, WRITER: writer}
    return Preflight(
        world.configuration.store,
        users.__getitem__,  # type: ignore[arg-type] # the fake answers every attempt by name
        clock_offset_limit=timedelta(seconds=2),
        anchored=True,
    )


def test_proper_credentials_pass(world: World) -> None:
    checks = preflight(world, FakeUser(READER, {"can_list"}), FakeUser(WRITER, ())).prove(Mode.SANDBOX)
    assert {check.status for check in checks} == {CheckStatus.PASSED}


@pytest.mark.parametrize(("user", "permission"), [(user, name) for user in FORBIDDEN for name in FORBIDDEN[user]])
def test_each_forbidden_permission_is_refused_by_name(world: World, user: str, permission: str) -> None:
    reader = FakeUser(READER, {"can_list"} | ({permission} if user == READER else set()))
    writer = FakeUser(WRITER, {permission} if user == WRITER else set())
    with pytest.raises(RefusedError) as caught:
        preflight(world, reader, writer).prove(Mode.SANDBOX)
    assert user in caught.value.message
    assert FORBIDDEN[user][permission] in caught.value.message


def test_only_random_absent_keys_under_the_stanzas_path_are_tried(world: World) -> None:
    reader = FakeUser(READER, {"can_list"})
    preflight(world, reader, FakeUser(WRITER, ())).prove(Mode.SANDBOX)
    keys = {where[0]: where[1] for name, where in reader.tried if name == "can_put"}
    assert keys["repository"].startswith("pgbackrest/drillbook-preflight-")
    assert keys["heartbeat"].startswith("drillbook-preflight-")
    again = FakeUser(READER, {"can_list"})
    preflight(world, again, FakeUser(WRITER, ())).prove(Mode.SANDBOX)
    assert again.tried != reader.tried


def test_reader_that_can_not_list_is_an_error(world: World) -> None:
    with pytest.raises(InfrastructureError, match="can't list the repository"):
        preflight(world, FakeUser(READER, ()), FakeUser(WRITER, ())).prove(Mode.SANDBOX)


def test_controllers_clock_stops_a_drill_but_not_the_bad_day(world: World) -> None:
    reader = FakeUser(READER, {"can_list"}, difference=timedelta(seconds=5))
    proof = preflight(world, reader, FakeUser(WRITER, ()))
    with pytest.raises(InfrastructureError, match=r"\+5\.0 s off"):
        proof.prove(Mode.SANDBOX)
    assert proof.prove(Mode.IN_PLACE)[0].status is CheckStatus.SKIPPED


@pytest.mark.parametrize(
    ("reader", "writer", "skipped"),
    [
        (None, FakeUser(WRITER, ()), ["repository_reader is there"]),
        (FakeUser(READER, {"can_list"}), None, ["evidence_writer is limited"]),
        (FakeUser(READER, {"can_list"}), FakeUser(WRITER, {"can_delete"}), ["evidence_writer is limited"]),
        (FakeUser(READER, ()), FakeUser(WRITER, ()), ["repository pgbackrest can be read"]),
    ],
)
def test_on_the_bad_day_no_credential_stops_the_rescue(
    world: World, reader: FakeUser | None, writer: FakeUser | None, skipped: list[str]
) -> None:
    """The run can't be PASS then, for a check is skipped; a drill is refused."""
    users = {READER: reader, WRITER: writer}

    def opened(name: str) -> FakeUser:
        found = users[name]
        if found is None:
            raise InfrastructureError("its keys can't be read", where=name, remedy="Bring them back from escrow.")
        return found

    proof = Preflight(world.configuration.store, opened, clock_offset_limit=timedelta(seconds=2), anchored=True)  # type: ignore[arg-type] # as above
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
        preflight(replace(world, configuration=spoiled), reader, FakeUser(WRITER, ())).prove(Mode.SANDBOX)
    assert caught.value.where == "bucket exports"
    writer = FakeUser(WRITER, {"can_delete"}, only_in="exports")
    with pytest.raises(RefusedError, match="evidence_writer may delete an object"):
        preflight(replace(world, configuration=spoiled), FakeUser(READER, {"can_list"}), writer).prove(Mode.SANDBOX)


@pytest.mark.parametrize("present", ["log/000001-opened.json", None])
def test_reading_is_tried_on_an_entry_that_is_there(world: World, present: str | None) -> None:
    """AWS tells whoever may not list that an absent key is denied, and so would tell nothing of the right to read."""
    writer = FakeUser(WRITER, ())
    preflight(world, FakeUser(READER, {"can_list"}, present=present), writer).prove(Mode.SANDBOX)
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
