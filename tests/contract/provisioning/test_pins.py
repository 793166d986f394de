"""playbooks/provision.yml pins a machine that it makes again, and says of one that it found that it is not pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.provisioning.conftest import HOST_KEY, lose

from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from tests.contract.provisioning.conftest import Cluster
    from tests.contract.provisioning.controller import Done

OTHERS = f"# kept as it is\n192.0.2.99 {SshKey.generate().public} somebody's\n"
OLD = f"192.0.2.11 {SshKey.generate().public}\n"
PINNED = f"192.0.2.11 {HOST_KEY}\n"


@pytest.fixture
def empty(cluster: Cluster) -> Cluster:
    """Its machine is lost, and what that was known by is not."""
    lose(cluster.server, 101)
    cluster.server.control.repair()
    cluster.known_hosts.write_text(OLD + OTHERS, encoding="utf-8")
    cluster.known_hosts.chmod(0o600)
    return cluster


def provision(cluster: Cluster, **variables: Any) -> Done:
    """The test server's machines have no system inside that could be logged in to."""
    return cluster.controller.provision("--limit=db1", variables={"ansible_connection": "local", **variables})


def test_a_machine_that_was_there_is_pinned_by_name_alone(empty: Cluster) -> None:
    """As one whose agent did not answer in time: what its predecessor was known by is believed no more."""
    control = empty.server.control
    control.faults(silent_agents=[101])
    late = provision(empty, provision_wait_seconds="1")
    assert late.status != 0
    assert "its guest agent does not answer: QEMU guest agent is not running (waited 1 s)" in late.sentence()
    assert "db1 (qemu/101)" in late.sentence()
    assert empty.known_hosts.read_text(encoding="utf-8") == OTHERS
    control.repair()
    control.forget_served()
    found = provision(empty, provision_pin="db2")
    assert (found.status, found.changed()) == (0, {"db1": 0}), found.output
    assert f"ssh does not know the host key of db1: {empty.known_hosts} has no line for 192.0.2.11" in found.sentence()
    assert "-e provision_pin=db1" in found.sentence()
    assert control.served(path="/agent/file-read") == []
    assert empty.known_hosts.read_text(encoding="utf-8") == OTHERS
    named = provision(empty, provision_pin="db2,db1")
    assert (named.status, named.changed()) == (0, {"db1": 1}), named.output
    assert "ssh does not know" not in named.sentence()
    assert empty.known_hosts.read_text(encoding="utf-8") == OTHERS + PINNED
    assert empty.known_hosts.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_refused_before_a_machine_is_made(empty: Cluster) -> None:
    done = provision(empty, provision_known_hosts_file="/nowhere/known_hosts")
    assert done.status != 0
    assert "the file of known hosts can't be written" in done.sentence()
    assert 101 not in empty.server.state.guests


@pytest.mark.slow
def test_without_a_file_no_agent_is_asked_and_nothing_is_said(empty: Cluster) -> None:
    empty.server.control.forget_served()
    done = provision(empty, provision_known_hosts_file="")
    assert done.status == 0, done.output
    assert empty.server.control.served(path="/agent/file-read") == []
    assert "ssh does not know" not in done.sentence()
    assert empty.known_hosts.read_text(encoding="utf-8") == OLD + OTHERS
