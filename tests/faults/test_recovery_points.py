"""What can be restored is said by PostgreSQL's own repository, whoever is left to read it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import backup_sets
from tests.faults.conftest import DRILL_TIMEOUT

from drillbook_lab.lab import DATABASE_HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from testinfra.host import Host
    from tests.faults.conftest import Drills, SegmentObject

pytestmark = pytest.mark.lab


@dataclass(frozen=True, slots=True)
class Said:
    """What the verb printed, and its exit code."""

    code: int
    answer: dict[str, Any]
    output: str


def ask(drills: Drills, *options: str, **variables: Any) -> Said:
    """Nothing that is made for the question outlives it."""
    before = drills.runs()
    arguments = ("recovery-points", "main", *options, *drills.arguments(**variables), "--json")
    ran = drills.lab.run("drillbook", *arguments, timeout=DRILL_TIMEOUT)
    assert drills.runs() == before
    assert drills.lab.sandboxes() == []
    return Said(ran.returncode, json.loads(ran.stdout), ran.stdout + ran.stderr)


def nobody_reached(drills: Drills) -> dict[str, Any]:
    """The members' addresses lead nowhere, as when they are all lost; the cluster itself goes on."""
    nowhere = drills.lab.variables["lab_subnets"]["production"].rpartition(".")[0] + ".250"
    return {f"host_{name}": {"ansible_host": nowhere} for name in DATABASE_HOSTS}


def test_a_member_says_what_there_is_and_what_is_missing(
    drills: Drills, archived: SegmentObject, replaced: Callable[[str, bytes | None], Any]
) -> None:
    whole = ask(drills)
    assert (whole.code, whole.answer["asked"]["place"], whole.answer["holes"]) == (0, "member", []), whole.output
    assert [one["label"] for one in whole.answer["sets"]] == [one["label"] for one in backup_sets(drills.lab)]
    assert all(one["encrypted"] and one["usable"] for one in whole.answer["sets"])
    assert whole.answer["oldest"] < whole.answer["newest"] <= whole.answer["read_at"]
    with replaced(archived.key, None):
        torn = ask(drills)
    (hole,) = torn.answer["holes"]
    assert (hole["first"], hole["last"], hole["until"]) == (archived.name, archived.name, None)
    assert torn.answer["newest"] == hole["after"] <= whole.answer["newest"]
    assert torn.answer["timelines"][-1]["last"] < archived.name <= whole.answer["timelines"][-1]["last"]


def test_with_every_member_lost_a_sandbox_says_it(drills: Drills) -> None:
    said = ask(drills, **nobody_reached(drills))
    assert (said.code, said.answer["asked"]["place"]) == (0, "sandbox"), said.output
    reasons = said.answer["asked"]["instead_of"]
    assert [reason.split(":")[0] for reason in reasons] == [
        *(f"member {name}" for name in DATABASE_HOSTS),
        "controller",
    ]
    assert said.answer["holes"] == []
    assert [one["label"] for one in said.answer["sets"]] == [one["label"] for one in backup_sets(drills.lab)]


def test_a_wrong_passphrase_is_a_fault_of_the_inventory(drills: Drills) -> None:
    """Members have the right one in their own configuration, so a sandbox is asked."""
    said = ask(drills, "--from", "sandbox", host_sandbox1={"pgbackrest_cipher_pass": "0" * 32})
    assert (said.code, said.answer["error"]["class"]) == (2, "ConfigurationError"), said.output
    assert "pgbackrest_cipher_pass is not the key" in said.answer["error"]["message"]


# pgBackRest as the lab's hosts have it, beside the controller's network and files. It notes which key it was given, and who may read it.
READER = """#!/bin/sh
for option; do case "$option" in --config-include-path=*) folder="${{option#*=}}" ;; esac; done
stat --format=%a "$folder/.." "$folder/secrets.conf" >{noted}
sed --quiet 's/^repo1-s3-key=//p' "$folder/secrets.conf" >>{noted}
exec podman run --rm --network=host --volume={lab}:{lab} {image} pgbackrest "$@"
"""


def test_with_every_member_lost_a_controller_with_pgbackrest_says_it(
    drills: Drills, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a configuration for its owner alone, and with the reader's key."""
    lab = drills.lab
    image = lab.podman("inspect", "--format={{.ImageName}}", lab.container(DATABASE_HOSTS[0])).stdout.strip()
    program, noted = tmp_path / "pgbackrest", tmp_path / "noted"
    program.write_text(READER.format(lab=lab.root / ".lab", image=image, noted=noted), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CONTAINERS_CONF", str(lab.state / "containers.conf"))
    said = ask(drills, **nobody_reached(drills))
    assert (said.code, said.answer["asked"]["place"], said.answer["holes"]) == (0, "controller", []), said.output
    assert [one["label"] for one in said.answer["sets"]] == [one["label"] for one in backup_sets(lab)]
    keys = json.loads((lab.state / "secrets/object_store/repository_reader.json").read_text(encoding="utf-8"))
    assert noted.read_text(encoding="utf-8").split() == ["700", "600", keys["access_key"]]


def test_a_hole_is_told_before_a_restore_in_place_stops_the_service(
    drills: Drills, archived: SegmentObject, replaced: Callable[[str, bytes | None], Any], host: Callable[[str], Host]
) -> None:
    def began() -> list[str]:
        command = "systemctl show --property=ActiveEnterTimestampMonotonic --value patroni.service"
        return [host(name).check_output(command) for name in DATABASE_HOSTS]

    before = began()
    with replaced(archived.key, None):
        ran = drills.lab.run(
            "drillbook",
            "restore",
            "main",
            "--in-place",
            "--confirm",
            "postgresql_main",
            "--json",
            timeout=DRILL_TIMEOUT,
        )
    said = json.loads(ran.stdout)["error"]["message"]
    assert (ran.returncode, f"--accept-hole {archived.name}" in said) == (3, True), said
    assert began() == before
