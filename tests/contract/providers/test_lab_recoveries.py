"""The lab's hosts in their own place: what is refused, and what a killed restore leaves to go on from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from drillbook.clock import SystemClock
from drillbook.errors import RefusedError
from drillbook.model import Backup, BackupMode, BackupNote, BackupRules, Retention
from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.recoveries import LabRecoveries

if TYPE_CHECKING:
    from tests.contract.providers.lab import LabWorld

pytestmark = pytest.mark.lab

LIMIT = timedelta(minutes=2)
RULES = BackupRules("", BackupMode.SNAPSHOT, "", "", Retention(), timedelta(hours=1))


@pytest.fixture
def backup(lab_database: LabWorld) -> Backup:
    machine = lab_database.database()
    lab_database.write(machine, "before")
    note = BackupNote(machine.host, "shop", "one", machine.identifier).render()
    taken = LabBackups(Podman(lab_database.place), SystemClock()).back_up(machine, RULES, note=note, timeout=LIMIT)
    lab_database.write(machine, "after")
    return taken


@pytest.fixture
def recoveries(lab_database: LabWorld) -> LabRecoveries:
    return LabRecoveries(Podman(lab_database.place), SystemClock())


def test_over_what_stands_and_again_after_a_kill(
    lab_database: LabWorld, recoveries: LabRecoveries, backup: Backup
) -> None:
    machine = recoveries.standing((backup,))["shop-db"]
    assert machine == lab_database.database()
    recoveries.put_back(backup, machine, LIMIT)
    assert lab_database.read(machine) == "before"
    assert recoveries.has_own_cards(machine, backup)
    lab_database.podman(
        "rename", machine.identifier, f"{machine.identifier}.replaced"
    )  # as a kill in the midst leaves it
    recoveries.put_back(backup, recoveries.standing((backup,))["shop-db"], LIMIT)
    assert lab_database.read(machine) == "before"
    assert not lab_database.runs(machine)
    assert lab_database.names() == {machine.identifier}


def test_over_nothing_only_where_nothing_stands(
    lab_database: LabWorld, recoveries: LabRecoveries, backup: Backup
) -> None:
    machine = lab_database.database()
    with pytest.raises(RefusedError, match="is there by now"):
        recoveries.put_back(backup, None, LIMIT)
    assert (lab_database.read(machine), lab_database.runs(machine)) == ("after", True)
    lab_database.podman("rm", "--force", "--time", "0", machine.identifier)
    assert recoveries.standing((backup,)) == {}
    recoveries.put_back(backup, None, LIMIT)
    assert lab_database.read(machine) == "before"
    assert recoveries.has_own_cards(machine, backup)


def test_another_container_is_never_written_over(
    lab_database: LabWorld, recoveries: LabRecoveries, backup: Backup
) -> None:
    lab_database.twin("shop-db")
    with pytest.raises(RefusedError, match="second-shop-db is shop-db"):
        recoveries.standing((backup,))
    lab_database.podman("rm", "--force", "--time", "0", f"{lab_database.prefix}-second-shop-db")
    lab_database.podman("rm", "--force", "--time", "0", backup.source)
    lab_database.add(backup.source, "shop-web1", f"--network={lab_database.production}")
    with pytest.raises(RefusedError, match="is shop-web1, and the backup is of shop-db"):
        recoveries.standing((backup,))
