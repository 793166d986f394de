"""What burns with the site is kept elsewhere: a copy that is missing or out of date is red, and one that is whole is enough for a drill."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testinfra.host import Host
    from tests.faults.conftest import Drills

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab

# The one host of the lab that belongs to no service; nothing that a drill destroys takes it along.
KEEPER = "cache1"
DIRECTORY = "/root/escrow"
KEPT = ("ca", "secrets", "ssh")
"""Directories of the lab's controller, all that it has of its own but for what it writes itself."""


def items(lab: Lab) -> dict[str, Path]:
    """What the lab could not come back without."""
    return {
        "repository key": lab.state / "secrets/pgbackrest_cipher",
        "authority": lab.state / "ca/ca.key",
        "hosts": lab.root / "inventories/lab/hosts.yml",
    }


def on_the_keeper(lab: Lab) -> list[str]:
    """How a program is run there, over ssh."""
    options = shlex.split(lab.variables["ansible_ssh_common_args"])
    key = lab.variables["ansible_ssh_private_key_file"]
    return ["ssh", *options, "-i", key, f"root@{lab.address(KEEPER)}"]


def declared(lab: Lab) -> list[dict[str, Any]]:
    """drillbook_escrow, with the copies read over ssh."""
    ssh = on_the_keeper(lab)
    return [
        {"name": name, "host": KEEPER, "source": str(path), "command": [*ssh, "cat", f"{DIRECTORY}/{path.name}"]}
        for name, path in items(lab).items()
    ]


def fetched(lab: Lab) -> list[dict[str, Any]]:
    """drillbook_escrow, with whole directories that a drill can work from."""
    ssh = on_the_keeper(lab)
    return [
        {
            "name": name,
            "host": KEEPER,
            "source": str(lab.state / name),
            "command": [*ssh, f"cd {DIRECTORY}/{name} && sha256sum $(find . -type f | LC_ALL=C sort)"],
            "archive": [*ssh, f"tar -C {DIRECTORY}/{name} -c ."],
        }
        for name in KEPT
    ]


def test_each_copy_is_read_where_it_is_kept(drills: Drills, host: Callable[[str], Host]) -> None:
    lab, keeper = drills.lab, host(KEEPER)
    keeper.check_output(f"install -d -m 0700 {DIRECTORY}")
    for path in items(lab).values():
        lab.podman("cp", str(path), f"{lab.container(KEEPER)}:{DIRECTORY}/{path.name}")
    try:
        code, whole = check(drills)
        assert {name: whole[name] for name in items(lab)} == dict.fromkeys(items(lab), "passed")
        # The lab's three copies are not all that its controller uses.
        assert (code, whole["key that signs the evidence"], whole["ssh key"]) == (1, "skipped", "skipped")
        keeper.check_output(f"echo another > {DIRECTORY}/pgbackrest_cipher && rm {DIRECTORY}/hosts.yml")
        code, torn = check(drills)
        found = {name: torn[name] for name in items(lab)}
        assert (code, found) == (1, {"repository key": "failed", "authority": "passed", "hosts": "failed"})
    finally:
        keeper.check_output(f"rm -r {DIRECTORY}")


def check(drills: Drills) -> tuple[int, dict[str, str]]:
    """Exit code and each item's status; no content may be in the answer."""
    overlay = drills.arguments(drillbook_escrow=declared(drills.lab))
    completed = drills.lab.run("drillbook", "escrow", "check", *overlay, "--json")
    output = completed.stdout + completed.stderr
    for path in items(drills.lab).values():
        assert path.read_text(encoding="utf-8").strip() not in output
    return completed.returncode, {entry["name"]: entry["status"] for entry in json.loads(completed.stdout)}


@pytest.fixture
def whole_copy(drills: Drills, host: Callable[[str], Host]) -> Iterator[Host]:
    """The host that keeps a copy of all of the controller's directories."""
    lab, keeper = drills.lab, host(KEEPER)
    keeper.check_output(f"install -d -m 0700 {DIRECTORY}")
    for name in KEPT:
        lab.podman("cp", str(lab.state / name), f"{lab.container(KEEPER)}:{DIRECTORY}/{name}")
    yield keeper
    keeper.check_output(f"rm -r {DIRECTORY}")


@pytest.mark.usefixtures("whole_copy")
def test_a_drill_works_with_what_is_in_escrow(drills: Drills) -> None:
    """Passphrase, keys of the store, ssh's key and authority are the copies; the lab's inventory alone is in none."""
    patient = drills.promising(rto_seconds=900)
    ran = drills.run("--from-escrow", drillbook_escrow=fetched(drills.lab), **patient)
    assert ran.record["verdict"] == "UNPROVEN", ran.why()
    found = [(check["name"], check["status"]) for check in ran.record["checks"]]
    assert {(f"{name} out of escrow", "passed") for name in KEPT} <= set(found)
    assert [name for name, status in found if status != "passed"] == ["inventory out of escrow"] * 2


@pytest.mark.slow
def test_a_drill_sees_that_the_passphrase_in_escrow_opens_nothing(drills: Drills, whole_copy: Host) -> None:
    whole_copy.check_output(f"echo another > {DIRECTORY}/secrets/pgbackrest_cipher")
    ran = drills.run("--from-escrow", drillbook_escrow=fetched(drills.lab))
    assert (ran.code, ran.record["verdict"]) == (3, "ERROR")
    assert "pgbackrest_cipher_pass is not the key that it was encrypted with" in ran.why()
