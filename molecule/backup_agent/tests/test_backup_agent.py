"""What somebody notices who relies on the heartbeats, with neither store nor database within reach."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from testinfra.host import Host

MACHINE, DATABASE = "drillbook-machine-heartbeat.service", "drillbook-heartbeat.service"
HEARTBEAT = "/var/lib/drillbook/heartbeat.json"


def heartbeat(host: Host) -> dict[str, Any]:
    """The newest one on the host's disk."""
    found: dict[str, Any] = json.loads(host.file(HEARTBEAT).content_string)
    return found


@pytest.mark.parametrize("unit", [MACHINE, DATABASE])
def test_both_kinds_run_beside_each_other_and_start_at_boot(host: Host, unit: str) -> None:
    service = host.service(unit)
    assert service.is_running
    assert service.is_enabled


def test_it_beats_though_a_heartbeat_that_was_cut_off_lay_there(host: Host) -> None:
    earlier = heartbeat(host)["counter"]
    deadline = time.monotonic() + 15
    while heartbeat(host)["counter"] <= earlier:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_the_secrets_are_the_agents_alone(host: Host) -> None:
    secrets = host.file("/etc/drillbook/machine-heartbeat.secrets.json")
    assert secrets.mode == 0o600
    assert secrets.user == "drillbook-agent"


@pytest.mark.parametrize(("name", "service"), [("deb12", "changed"), ("deb13", "molecule")])
def test_it_beats_for_the_declared_service(host: Host, service: str) -> None:
    assert heartbeat(host)["service"] == service
