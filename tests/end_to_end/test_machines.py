"""A host of the lab as a whole machine: backed up while it serves, restored beside itself, proven from inside, removed."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import wanting

if TYPE_CHECKING:
    from collections.abc import Callable

    from testinfra.host import Host
    from tests.conftest import Platform

pytestmark = pytest.mark.lab

GROUP, DRILL, HOST = "load_balancers", "machines-latest", "lb1"
HEARTBEAT = "/var/lib/drillbook/heartbeat.json"
LIMIT = timedelta(minutes=10)


def back_up(platform: Platform) -> None:
    ran = platform.lab.run("drillbook", "backup", "create", GROUP, timeout=LIMIT)
    assert ran.returncode == 0, ran.stderr


def drill(platform: Platform) -> tuple[int, dict[str, Any]]:
    ran = platform.lab.run("drillbook", "drill", "run", DRILL, "--json", timeout=LIMIT)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def containers(platform: Platform) -> set[str]:
    listed = platform.lab.run("podman", "ps", "--all", "--format", "{{.Names}}").stdout.split()
    return {name for name in listed if name.startswith(f"{platform.lab.prefix}-")}


@pytest.fixture(scope="module")
def beating(platform: Platform, host: Callable[[str], Host]) -> int:
    """The newest heartbeat's counter; the agent writes one every two seconds."""
    first = json.loads(host(HOST).file(HEARTBEAT).content_string)["counter"]
    time.sleep(5)
    now = int(json.loads(host(HOST).file(HEARTBEAT).content_string)["counter"])
    assert now > first
    return now


def test_a_whole_machine_comes_back_with_what_it_had(
    platform: Platform, beating: int, figure: Callable[[str], None]
) -> None:
    before = containers(platform)
    back_up(platform)
    code, record = drill(platform)
    assert (wanting(record), record["verdict"]) == ([], "PASS"), record["checks"]
    assert code == 0
    assert record["tracks"][0]["rpo"]["inputs"]["counter"] >= beating
    assert record["tracks"][0]["isolated"] is True
    assert containers(platform) == before
    figure(
        f"whole machine ({HOST}): RTO {record['tracks'][0]['rto']['actual_seconds']:.1f} s, RPO {record['tracks'][0]['rpo']['actual_seconds']:.1f} s, "
        f"first answer after {record['tracks'][0]['time_to_first_answer_seconds']:.1f} s"
    )


def test_a_machine_without_its_heartbeat_and_with_a_broken_service_is_red(
    platform: Platform, host: Callable[[str], Host], beating: int
) -> None:
    """Both lie on its disk, so both come back with it; the machine itself goes on serving meanwhile."""
    assert beating
    machine = host(HOST)
    machine.check_output("systemctl stop drillbook-heartbeat@edge && mv %s %s.kept", HEARTBEAT, HEARTBEAT)
    machine.check_output(
        "cp -p /etc/haproxy/haproxy.cfg /root/haproxy.cfg.kept && echo broken >> /etc/haproxy/haproxy.cfg"
    )
    try:
        back_up(platform)
    finally:
        machine.check_output("mv /root/haproxy.cfg.kept /etc/haproxy/haproxy.cfg")
        machine.check_output("mv %s.kept %s && systemctl start drillbook-heartbeat@edge", HEARTBEAT, HEARTBEAT)
    assert machine.service("haproxy").is_running
    code, record = drill(platform)
    red = {check["name"] for check in record["checks"] if check["status"] == "failed"}
    assert (code, record["verdict"]) == (1, "FAIL")
    assert red == {f"{HOST}: unit haproxy.service", f"{HOST}: heartbeat found"}
    assert not record["leftovers"]


def restore(platform: Platform, *options: str) -> tuple[int, dict[str, Any]]:
    argv = ("drillbook", "restore", "edge", "--in-place", "--confirm", GROUP, "--json", *options)
    ran = platform.lab.run(*argv, timeout=LIMIT)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_a_machine_that_stands_is_not_written_over_unless_it_is_named(
    platform: Platform, host: Callable[[str], Host], beating: int
) -> None:
    assert beating
    back_up(platform)
    machine = host(HOST)
    machine.check_output("touch /root/later")
    code, record = restore(platform)
    assert (code, record["verdict"]) == (2, "ERROR")
    assert f"still there, and their disks would be lost: {HOST}" in record["error"]["message"]
    assert machine.file("/root/later").exists
    code, record = restore(platform, "--replace", HOST)
    assert (code, wanting(record), record["verdict"]) == (0, [], "PASS"), record["checks"]
    assert not machine.file("/root/later").exists


def test_a_lost_machine_comes_back_in_its_own_place_and_serves(
    platform: Platform, host: Callable[[str], Host], beating: int, figure: Callable[[str], None]
) -> None:
    before = containers(platform)
    back_up(platform)
    newest = json.loads(host(HOST).file(HEARTBEAT).content_string)["counter"]
    assert newest >= beating
    platform.lab.run("podman", "rm", "--force", "--time", "0", f"{platform.lab.prefix}-{HOST}")
    code, record = restore(platform)
    assert (code, wanting(record), record["verdict"]) == (0, [], "PASS"), record["checks"]
    assert record["tracks"][0]["rpo"]["inputs"]["counter"] <= newest
    assert containers(platform) == before
    machine = host(HOST)
    assert machine.service("haproxy").is_running
    assert machine.service("drillbook-heartbeat@edge").is_running
    figure(
        f"whole machine ({HOST}) in place: RTO {record['tracks'][0]['rto']['actual_seconds']:.1f} s, RPO {record['tracks'][0]['rpo']['actual_seconds']:.1f} s"
    )
    ran = platform.lab.run(
        "ansible-playbook", "playbooks/site.yml", "--limit", HOST, "--check", "--diff", timeout=LIMIT
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "changed=0" in ran.stdout
