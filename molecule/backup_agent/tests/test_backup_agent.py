"""What somebody notices who relies on the heartbeats, with neither store nor database within reach."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from testinfra.host import Host

MACHINES, POSTGRESQL = "molecule", "no-database"
FILES = {"deb12": "/srv/drillbook/heartbeat.json", "deb13": "/var/lib/drillbook/heartbeat.json"}
# prepare.yml left the log of an earlier release's agent, with this number in it.
BEFORE = 41


def wait_for_more_than(host: Host, file: str, counter: int) -> dict[str, Any]:
    """The first heartbeat on the host's disk with a greater counter."""
    deadline = time.monotonic() + 20
    while True:
        text = host.file(file).content_string if host.file(file).exists else ""
        # A link to somebody else's file may still be there.
        if text.startswith("{") and (found := json.loads(text))["counter"] > counter:
            return dict(found)
        assert time.monotonic() < deadline, text
        time.sleep(0.5)


@pytest.mark.parametrize("service", [MACHINES, POSTGRESQL])
def test_both_kinds_run_beside_each_other_and_start_at_boot(host: Host, service: str) -> None:
    unit = host.service(f"drillbook-heartbeat@{service}.service")
    assert unit.is_running
    assert unit.is_enabled


@pytest.mark.parametrize("name", ["deb13"])
def test_it_goes_on_from_the_log_of_the_agent_from_before(name: str, host: Host) -> None:
    first = wait_for_more_than(host, FILES[name], BEFORE)
    assert first["service"] == MACHINES
    wait_for_more_than(host, FILES[name], first["counter"])


@pytest.mark.parametrize("name", ["deb12"])
def test_it_beats_in_another_file(name: str, host: Host) -> None:
    first = wait_for_more_than(host, FILES[name], 0)
    assert wait_for_more_than(host, FILES[name], first["counter"])["counter"] > first["counter"]


@pytest.mark.parametrize("service", [MACHINES, POSTGRESQL])
def test_the_secrets_are_the_agents_alone(host: Host, service: str) -> None:
    secrets = host.file(f"/etc/drillbook/heartbeats/{service}.secrets.json")
    assert secrets.mode == 0o600
    assert secrets.user == "drillbook-agent"


def test_its_log_is_turned_over(host: Host) -> None:
    turned = host.run("logrotate --debug /etc/logrotate.d/drillbook-heartbeats")
    assert turned.rc == 0, turned.stderr


@pytest.mark.parametrize(
    "path",
    [
        "/etc/drillbook/heartbeats/forgotten.secrets.json",
        "/etc/drillbook/machine-heartbeat.secrets.json",
        "/etc/systemd/system/drillbook-machine-heartbeat.service",
        "/usr/local/lib/drillbook/machine_heartbeat.py",
        "/var/log/drillbook/machine-heartbeat.jsonl",
    ],
)
def test_what_an_earlier_release_left_is_gone(host: Host, path: str) -> None:
    assert not host.file(path).exists


def test_root_does_not_follow_the_agents_link(connect: Callable[[str], Host], playbook: Callable[..., Any]) -> None:
    """What the agent may do: put a link to somebody else's file where root would look for the heartbeat."""
    counters = {}
    for name, file in FILES.items():
        host = connect(name)
        counters[name] = wait_for_more_than(host, file, 0)["counter"]
        host.check_output("umask 077; echo root > /root/secret")
        host.check_output(f"systemctl stop drillbook-heartbeat@{MACHINES}.service")
        host.check_output(f"runuser -u drillbook-agent -- ln --symbolic --force /root/secret {file}")
    applied = playbook("converge")
    assert applied.status == 0, applied.output
    for name, file in FILES.items():
        host = connect(name)
        secret = host.file("/root/secret")
        assert (secret.user, secret.mode, secret.content_string) == ("root", 0o600, "root\n")
        # The agent can't read through its link either: it is started again until the link is gone.
        host.check_output(f"rm {file}")
        wait_for_more_than(host, file, counters[name])


def test_what_is_taken_out_of_the_list_ends(connect: Callable[[str], Host], playbook: Callable[..., Any]) -> None:
    left = [{"service": MACHINES, "kind": "machines", "interval_seconds": 1, "publish_interval_seconds": 2}]
    applied = playbook("converge", backup_agent_heartbeats=left)
    assert applied.status == 0, applied.output
    for name in FILES:
        host = connect(name)
        assert not host.service(f"drillbook-heartbeat@{POSTGRESQL}.service").is_running
        assert host.service(f"drillbook-heartbeat@{MACHINES}.service").is_running
