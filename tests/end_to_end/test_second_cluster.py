"""A second PostgreSQL cluster, in a group that is not called after its service: backed up and drilled like the first one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import backup_sets, wanting

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.conftest import Platform

pytestmark = pytest.mark.lab

DRILL_TIMEOUT = timedelta(minutes=15)
INFO = "runuser -u postgres -- pgbackrest --stanza=ledger --output=json info"
UNREADABLE = 99


def test_the_second_cluster_is_backed_up_and_drilled(
    platform: Platform, host: Callable[[str], Host], figure: Callable[[str], None]
) -> None:
    lab = platform.lab
    before = len(backup_sets(lab))
    recap = lab.playbook("backup_postgresql", variables={"backup_service": "ledger", "backup_type": "full"})
    assert {name: count for name, count in recap.changed().items() if count} == {"ledger1": 1}
    assert len(backup_sets(lab)) == before, "the first cluster was left alone"
    assert json.loads(host("ledger1").check_output(INFO))[0]["backup"][-1]["type"] == "full"
    # pgBackRest quotes what it could not decipher: bytes that are no text.
    answer = host(lab.leader()).run(INFO).stdout_bytes.decode(errors="replace")
    (seen,) = json.loads(answer, strict=False)
    assert {repository["status"]["code"] for repository in seen["repo"]} == {UNREADABLE}, "each has its own passphrase"

    ran = lab.run("drillbook", "drill", "run", "ledger-latest", "--json", timeout=DRILL_TIMEOUT)
    record = json.loads(ran.stdout)
    assert wanting(record) == [], ran.stderr
    assert record["tracks"][0]["service"] == "ledger"
    figure(
        f"second cluster: RTO {record['tracks'][0]['rto']['actual_seconds']:.0f} s, RPO {record['tracks'][0]['rpo']['actual_seconds']:.1f} s"
    )
