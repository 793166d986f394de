"""Drills of clusters that drillbook never configured: set up by hand, declared as docs/how-to/drill-a-cluster-of-others.md says."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import wanting
from tests.support.others import ClusterOfOthers, hba_of_page
from tests.support.others_by_hand import debian_by_hand, patroni_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Platform

    from drillbook_lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LIMIT = timedelta(minutes=15)


@pytest.fixture
def made(request: pytest.FixtureRequest, platform: Platform) -> Iterator[ClusterOfOthers]:
    """A cluster as the test's parameters say: its number, port and superuser, and who sets it up."""
    number, port, superuser, by_hand = request.param
    cluster = ClusterOfOthers(platform.lab, number, port, superuser)
    cluster.remove()
    try:
        cluster.start()
        by_hand(cluster)
        yield cluster
    finally:
        cluster.remove()


def drill(lab: Lab, options: list[str]) -> tuple[int, dict[str, Any], str]:
    """Exit status, record, and why it is not green."""
    ran = lab.run("drillbook", "drill", "run", "billing-latest", *options, "--json", timeout=LIMIT)
    assert ran.stdout.startswith("{"), ran.stderr
    record = json.loads(ran.stdout)
    return ran.returncode, record, " | ".join(wanting(record))


def heartbeat(cluster: ClusterOfOthers, options: list[str]) -> tuple[int, str]:
    """Install it by the page's command."""
    playbook = ("ansible-playbook", "playbooks/heartbeat_postgresql.yml", "-e", f"heartbeat_service={cluster.service}")
    ran = cluster.lab.run(*playbook, *options, timeout=LIMIT)
    return ran.returncode, ran.stdout + ran.stderr


def look(cluster: ClusterOfOthers) -> str:
    """What of the host's system drillbook could have touched."""
    return cluster.shell(
        "find /etc /usr/local -type f -newer /etc/pgbackrest.conf | sort; systemctl list-timers --no-legend | wc -l"
    )


@pytest.mark.parametrize("made", [(61, 5433, "postgres", debian_by_hand)], indirect=True, ids=["debian"])
def test_a_cluster_of_debians_own_layout(made: ClusterOfOthers, tmp_path: Path, figure: Callable[[str], None]) -> None:
    lab, before = made.lab, look(made)
    without = made.overlay(tmp_path / "without", heartbeat=False)
    code, record, why = drill(lab, without)
    assert (record["verdict"], code) == ("UNPROVEN", 1), why
    assert {check["name"] for check in record["checks"] if check["status"] == "skipped"} == {
        "heartbeat found",
        "clock offset measured",
    }
    assert record["tracks"][0]["rpo"]["met"] is None
    assert look(made) == before, "a drill touches nothing of the cluster"

    options = made.overlay(tmp_path / "with", heartbeat=True)
    code, said = heartbeat(made, options)
    assert code == 0, said
    code, said = heartbeat(made, options)
    assert (code, "changed=0 " in said.rpartition("billing1")[2]) == (0, True), said
    made.end_segment()
    code, record, why = drill(lab, options)
    assert (wanting(record), code) == ([], 0), why
    assert made.lab.sandboxes() == []
    (track,) = record["tracks"]
    figure(
        f"Debian's own layout: RTO {track['rto']['actual_seconds']:.0f} s, RPO {track['rpo']['actual_seconds']:.1f} s"
    )

    # The store knows its heartbeats: data without them is no longer only unproven.
    made.shell(f"systemctl stop drillbook-heartbeat@{made.service}")
    made.sql("drop schema drillbook cascade", "drillbook")
    made.end_segment()
    code, record, why = drill(lab, options)
    assert (record["verdict"], code, record["tracks"][0]["rpo"]["met"]) == ("FAIL", 1, False), why


@pytest.mark.parametrize("made", [(62, 6432, "admin", patroni_by_hand)], indirect=True, ids=["patroni"])
def test_a_patroni_of_others(made: ClusterOfOthers, tmp_path: Path, figure: Callable[[str], None]) -> None:
    lab = made.lab
    service = {
        "postgresql_port": 6432,
        "postgresql_superuser": "admin",
        "postgresql_data_checksums": True,
        "pgbackrest_stanza": "acme",
        "backup_agent_heartbeats": [
            {
                "service": "billing",
                "kind": "postgresql",
                "password": made.agent,
                "port": 6432,
                "socket_directory": "/srv/acme/run",
            }
        ],
    }
    options = made.overlay(tmp_path / "right", heartbeat=True, **service)
    code, said = heartbeat(made, options)
    assert code == 0, said
    made.end_segment()
    assert made.sql("select count(*) from pg_roles where rolname = 'postgres'") == "0"
    code, record, why = drill(lab, options)
    assert (wanting(record), code) == ([], 0), why
    (track,) = record["tracks"]
    figure(f"Patroni of others: RTO {track['rto']['actual_seconds']:.0f} s, RPO {track['rpo']['actual_seconds']:.1f} s")

    wrong = made.overlay(tmp_path / "wrong", heartbeat=True, **{**service, "postgresql_superuser": "postgres"})
    code, record, why = drill(lab, wrong)
    assert (record["verdict"], code) == ("ERROR", 3)
    assert 'role "postgres" does not exist Name the cluster\'s superuser in postgresql_superuser.' in why
    assert lab.sandboxes() == []

    # Its server no longer lets the agent in: a unit that runs is no heartbeat.
    made.shell("sed -i '/drillbook_agent/d' /srv/acme/data/pg_hba.conf")
    made.sql("select pg_reload_conf()")
    made.shell(f"systemctl restart drillbook-heartbeat@{made.service}")
    code, said = heartbeat(made, options)
    said = " ".join(said.split())
    assert (code, f"{made.service} has no heartbeat. The agent says: " in said, hba_of_page() in said) == (
        2,
        True,
        True,
    ), said
