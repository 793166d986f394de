"""The whole way of backups: the command line, a group, and a cluster or a region behind it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.providers.proxmox import BACKUP_ROLES, HOSTS, ProxmoxWorld, granted
from tests.contract.providers.test_groups import ROOT, Shop

from drillbook.cli.main import main
from drillbook.config import read_inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.providers.ec2 import Ec2World
    from tests.contract.providers.lab import LabWorld

LIMIT = timedelta(seconds=20)


class BackupShop(Shop):
    """`drillbook backup` over the group, in this process: a run costs no start, and the inventory is read once."""

    verb = "backup"

    def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Return exit status, the JSON document and what was said on standard error."""
        code, said, told = self.say(*arguments, "--json")
        return code, json.loads(said), told

    def say(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit status, and what was said on standard output and on standard error."""
        said, told = io.StringIO(), io.StringIO()
        command = ["drillbook", self.verb, *arguments, "--inventory", str(self.inventory)]
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(told),
        ):
            patch.setattr(sys, "argv", command)
            patch.setattr("drillbook.app.read_inventory", self._inventory)
            with pytest.raises(SystemExit) as ended:
                main()
        return int(ended.value.code or 0), said.getvalue(), told.getvalue()

    @functools.cached_property
    def _read(self) -> Any:
        return read_inventory([self.inventory], root=ROOT)

    def _inventory(self, _inventories: Any, *, root: Path, declared_is_enough: object) -> Any:
        assert (root, declared_is_enough) == (ROOT, None)
        return self._read


@pytest.fixture
def shop(proxmox: ProxmoxWorld, tmp_path: Path) -> BackupShop:
    return BackupShop(proxmox, tmp_path, lock_wait_seconds=0, backup={"storage": "nas", "retention": {"last": 1}})


def jobs(shop: BackupShop) -> int:
    return len(shop.world.control.served("POST", "/vzdump"))


def test_a_group_is_backed_up_listed_verified_protected_and_pruned(shop: BackupShop) -> None:
    assert [(one["host"], one["good"]) for one in shop.run("verify", "shop")[1]] == [(host, False) for host in HOSTS]
    code, would, said = shop.run("create", "shop", "--check")
    assert (code, would["stages"], would["refused"], jobs(shop)) == (
        0,
        [["shop-db"], ["shop-web1", "shop-web2"]],
        {},
        0,
    )
    code, first, said = shop.run("create", "shop")
    assert (code, [one["host"] for one in first], [one["error"] for one in first]) == (0, list(HOSTS), [None] * 3), said
    asked = [one["vmid"] for one in shop.world.control.served("POST", "/vzdump")]
    assert (asked[0], set(asked[1:])) == (100, {101, 102}), "the stages, one after the other"
    assert {entry["host"]: entry for entry in shop.run("list", "shop")[1]} == {
        one["host"]: one["backup"] for one in first
    }
    assert shop.run("verify", "shop")[0] == 0
    run = first[0]["backup"]["run"]
    assert shop.run("protect", "shop", "--backup", first[0]["backup"]["copies"][0]["identifier"])[0] == 0
    time.sleep(1.1)  # runs are named by whole seconds
    assert shop.run("create", "shop")[0] == 0
    decided = [
        (one["host"], one["run"] == run, one["kept"], one["reasons"]) for one in shop.run("prune", "shop", "--check")[1]
    ]
    newest = ["newest good backup", "last"]
    assert decided == [
        ("shop-db", True, True, ["protected"]), ("shop-db", False, True, newest),
        ("shop-web1", True, False, []), ("shop-web1", False, True, newest),
        ("shop-web2", True, False, []), ("shop-web2", False, True, newest),
    ]  # fmt: skip
    assert shop.world.stored() == 6
    assert shop.run("prune", "shop")[0] == 0
    assert shop.world.stored() == 4
    assert shop.run("unprotect", "shop", "--backup", run, "--check")[0] == 0
    code, loose, _ = shop.run("unprotect", "shop", "--backup", run)
    assert (code, [(one["host"], one["protected"]) for one in loose]) == (0, [("shop-db", False)])
    code, answer, _ = shop.run("protect", "shop", "--backup", "nope")
    assert (code, "there is no backup nope" in answer["error"]["message"]) == (2, True)


def test_what_fails_for_one_machine_stops_no_other_and_is_named(shop: BackupShop) -> None:
    shop.world.control.guest(101, lock="migrate")
    code, would, _ = shop.run("create", "shop", "--check")
    assert (code, list(would["refused"]), jobs(shop)) == (3, ["shop-web1"], 0)
    del shop.world.server.state.guests[100]
    shop.world.server.state.pools["shop"].vms.remove(100)
    code, made, said = shop.run("create", "shop")
    assert (code, [bool(one["error"]) for one in made]) == (3, [True, True, False])
    assert "2 of 3 machines have no new backup" in said
    assert "shop-db: no guest has this name" in said
    assert "it is locked (migrate)" in said
    code, answer, _ = shop.run("verify", "shop")
    assert (code, "no guest called shop-db, and no backup of it" in answer["error"]["message"]) == (2, True)
    shop.world.server.state.grants += granted("/vms", BACKUP_ROLES[0])
    code, found, _ = shop.run("verify", "shop")
    assert (code, [one["good"] for one in found]) == (1, [False, False, True]), "the token is shown all numbers"


def test_people_are_told_the_same(shop: BackupShop) -> None:
    assert (
        "would be backed up (snapshot): shop-db; then shop-web1, shop-web2" in shop.say("create", "shop", "--check")[1]
    )
    shop.world.control.guest(102, lock="migrate")
    code, said, told = shop.say("create", "shop")
    assert (code, said.count("taken"), said.count("FAILED")) == (3, 2, 1)
    assert "shop-web2: it is locked (migrate)" in told
    volid = shop.run("list", "shop")[1][0]["copies"][0]["identifier"]
    assert f"protected: {volid} on nas" in shop.say("protect", "shop", "--backup", volid)[1]
    said = shop.say("list", "shop")[1]
    assert all(word in said for word in (volid, "nas", "GiB", "never", "yes"))
    shop.world.control.backup(volid, size=0)
    code, said, _ = shop.say("verify", "shop")
    assert (code, said.count("BAD")) == (1, 2)
    assert all(word in said for word in (*HOSTS, "none of its 1 backups", "vzdump-qemu-101-", "it has no backup"))
    said = shop.say("prune", "shop", "--check")[1]
    assert all(word in said for word in ("kept", "protected", "empty (0 bytes)", "newest good backup, last"))


def test_warnings_are_shown_and_told_by_the_exit_code(shop: BackupShop) -> None:
    shop.world.control.faults(warn={"vzdump": 1})
    code, made, _ = shop.run("create", "shop")
    assert (code, [line for one in made for line in one["backup"]["copies"][0]["warnings"]]) == (
        1,
        ["WARN: planned by the test"],
    )


def test_a_backup_that_is_too_old_or_damaged_is_red(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    shop = BackupShop(proxmox, tmp_path, backup={"storage": "nas", "maximum_age_seconds": 0.001})
    _, made, _ = shop.run("create", "shop")
    code, found, _ = shop.run("verify", "shop")
    assert (code, "old, and may be 0.0 h" in found[0]["why"]) == (1, True)
    proxmox.control.backup(made[0]["backup"]["copies"][0]["identifier"], damaged=True)
    code, found, _ = shop.run("verify", "shop")
    assert (code, found[0]["why"].startswith("none of its 1 backups is good")) == (1, True)


def test_nothing_is_pruned_where_something_can_not_be_looked_at(shop: BackupShop) -> None:
    for _ in range(2):
        shop.run("create", "shop")
        time.sleep(1.1)
    shop.world.control.answer_with(596, "Connection timed out", "GET", "/extractconfig", count=1)
    code, answer, _ = shop.run("prune", "shop")
    assert (code, "nothing was removed" in answer["error"]["remedy"], shop.world.stored()) == (3, True, 6)


def test_a_group_that_is_not_backed_up_says_so(proxmox: ProxmoxWorld, tmp_path: Path) -> None:
    code, answer, _ = BackupShop(proxmox, tmp_path).run("create", "shop")
    assert (code, "are not backed up" in answer["error"]["message"]) == (2, True)


@pytest.mark.parametrize(
    ("backup", "message"),
    [
        ({}, "the storage is missing"),
        ({"storage": "nas", "copy_to_region": "eu-west-1"}, "has none of copy_to_region"),
        ({"storage": "nas", "leave_out": {"nobody": ["scsi1"]}}, "nobody not in the group"),
    ],
)
def test_rules_that_do_not_fit_are_refused(
    proxmox: ProxmoxWorld, tmp_path: Path, backup: dict[str, Any], message: str
) -> None:
    code, answer, _ = BackupShop(proxmox, tmp_path, backup=backup).run("list", "shop")
    assert (code, message in answer["error"]["message"]) == (2, True), answer


def test_two_at_once_on_a_group_exclude_each_other(shop: BackupShop) -> None:
    shop.world.control.faults(slow={"vzdump": 2.0})
    command = [sys.executable, "-m", "drillbook", "backup", "create", "shop", "--inventory", str(shop.inventory)]
    with subprocess.Popen(command, cwd=ROOT, env=shop.environment, stdout=subprocess.DEVNULL) as first:
        while not shop.world.control.served("POST", "/vzdump"):
            assert first.poll() is None
            time.sleep(0.05)
        code, answer, _ = shop.run("prune", "shop")
        assert (code, "another run holds" in answer["error"]["message"]) == (2, True)
    assert first.returncode == 0


def region(world: Ec2World) -> dict[str, Any]:
    return {
        "kind": "ec2", "region": world.place.region, "endpoint": world.place.endpoint,
        "credentials_directory": str(world.place.credentials_directory),
    }  # fmt: skip


def lab(world: LabWorld) -> dict[str, Any]:
    return {"kind": "lab", "prefix": world.prefix, "containers_conf": str(world.place.containers_conf)}


@pytest.mark.parametrize(
    ("world", "declared", "backup", "places"),
    [
        pytest.param("ec2", region, {"copy_to_region": "eu-west-1"}, ["eu-central-1", "eu-west-1"], id="ec2"),
        pytest.param("small_lab_shop", lab, {}, ["cluster"], marks=pytest.mark.lab, id="lab"),
    ],
)
def test_other_providers_are_backed_up_by_the_same_words(
    request: pytest.FixtureRequest,
    proxmox: ProxmoxWorld,
    tmp_path: Path,
    world: str,
    declared: Callable[[Any], dict[str, Any]],
    backup: dict[str, Any],
    places: list[str],
) -> None:
    shop = BackupShop(proxmox, tmp_path, backup=backup)
    everywhere = yaml.safe_load((shop.inventory / "group_vars/all.yml").read_text(encoding="utf-8"))
    provider = {"name": proxmox.place.name, **declared(request.getfixturevalue(world))}
    everywhere["drillbook_providers"] = [provider]
    (shop.inventory / "group_vars/all.yml").write_text(yaml.safe_dump(everywhere), encoding="utf-8")
    code, made, said = shop.run("create", "shop")
    assert (code, [one["error"] for one in made]) == (0, [None] * 3), said
    listed = shop.run("list", "shop")[1]
    assert [[copy["place"] for copy in one["copies"]] for one in listed] == [places] * 3
    assert shop.run("verify", "shop")[0] == 0
