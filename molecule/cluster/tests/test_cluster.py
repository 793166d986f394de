"""What users notice of the whole platform."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

MEMBERS = ["db1", "db2", "db3"]


@pytest.fixture
def view(host: Host, address: str) -> list[dict[str, Any]]:
    """The cluster's members as one of them sees them."""
    said = host.check_output(
        f"curl --noproxy '*' --silent --cacert /etc/drillbook/tls/ca.crt https://{address}:8008/cluster"
    )
    members: list[dict[str, Any]] = json.loads(said)["members"]
    return members


@pytest.mark.parametrize("name", MEMBERS)
def test_each_member_sees_one_leader_two_that_stream_and_one_timeline(view: list[dict[str, Any]]) -> None:
    assert [member["role"] for member in view].count("leader") == 1
    assert [member["state"] for member in view].count("streaming") == 2
    assert len({member["timeline"] for member in view}) == 1


@pytest.mark.parametrize("name", ["db1"])
def test_the_archive_works_on_the_leader(view: list[dict[str, Any]], connect: Callable[[str], Host]) -> None:
    leader = next(member["name"] for member in view if member["role"] == "leader")
    checked = connect(leader).run("runuser -u postgres -- pgbackrest --stanza=main check")
    assert checked.rc == 0, checked.stdout


@pytest.mark.parametrize("name", ["lb1"])
@pytest.mark.parametrize("port", [5000, 5001])
def test_clients_reach_the_ports_for_writing_and_reading(address: str, port: int, answers: Callable[..., bool]) -> None:
    assert answers(address, port, seconds=10)
