"""What burns with the site is kept elsewhere, and a copy that is missing or out of date is red."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host
    from tests.faults.conftest import Drills

    from drillbook_lab.lab import Lab

pytestmark = pytest.mark.lab

# The one host of the lab that belongs to no service; nothing that a drill destroys takes it along.
KEEPER = "cache1"
DIRECTORY = "/root/escrow"


def items(lab: Lab) -> dict[str, Path]:
    """What the lab could not come back without."""
    return {
        "repository key": lab.state / "secrets/pgbackrest_cipher",
        "authority": lab.state / "ca/ca.key",
        "hosts": lab.root / "inventories/lab/hosts.yml",
    }


def declared(lab: Lab) -> list[dict[str, Any]]:
    """drillbook_escrow, with the copies read over ssh."""
    ssh = [
        "ssh",
        *shlex.split(lab.variables["ansible_ssh_common_args"]),
        "-i",
        lab.variables["ansible_ssh_private_key_file"],
        f"root@{lab.address(KEEPER)}",
    ]
    return [
        {"name": name, "host": KEEPER, "source": str(path), "command": [*ssh, "cat", f"{DIRECTORY}/{path.name}"]}
        for name, path in items(lab).items()
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
