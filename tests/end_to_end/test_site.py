"""site.yml predicts and converges, by Mitogen and by plain ssh. That it then changes nothing is shown after a failover and a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import backup_sets

if TYPE_CHECKING:
    from tests.conftest import Platform

    from drillbook_lab.lab import Recap

pytestmark = pytest.mark.lab


def test_check_mode_on_fresh_hosts_predicts_changes_on_every_host(predicted: Recap) -> None:
    assert all(count > 0 for count in predicted.changed().values())


def test_every_host_was_converged(platform: Platform) -> None:
    if platform.converge is None:
        pytest.skip("the lab was kept, so it was converged before")
    assert set(platform.converge.changed()) == {"cache1", "db1", "db2", "db3", "lb1", "ledger1", "store1"}
    assert all(count > 0 for count in platform.converge.changed().values())


@pytest.mark.slow
def test_a_further_run_changes_nothing(platform: Platform) -> None:
    """`test_cluster.py` and `test_restore_in_place.py` show the same, and what check mode predicts, of clusters that moved in between."""
    recap = platform.lab.playbook("site")
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


@pytest.fixture
def plain_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ansible.cfg says, without the Mitogen that scripts/test switches on."""
    monkeypatch.delenv("ANSIBLE_STRATEGY", raising=False)
    monkeypatch.delenv("ANSIBLE_STRATEGY_PLUGINS", raising=False)


@pytest.mark.usefixtures("plain_ssh")
def test_an_operation_works_by_plain_ssh(platform: Platform) -> None:
    recap = platform.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
    assert sum(recap.changed().values()) == 1, "one host, the leader, takes the backup"
    assert backup_sets(platform.lab)[-1]["type"] == "full"


@pytest.mark.slow
@pytest.mark.usefixtures("plain_ssh")
def test_plain_ssh_finds_nothing_to_change_either(platform: Platform) -> None:
    recap = platform.lab.playbook("site")
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


def changed_tasks(output: str) -> list[str]:
    """Names of the tasks that reported a change, for the message."""
    found, task = [], ""
    for line in output.splitlines():
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            task = line.split("[", 1)[1].split("]")[0]
        elif line.startswith("changed: ["):
            found.append(f"{task}: {line}")
    return found
