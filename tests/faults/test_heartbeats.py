"""What the restored data says about its own age cannot be talked away."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from testinfra.host import Host
    from tests.faults.conftest import Drills

pytestmark = pytest.mark.lab

# Twice the interval at which the lab's agents publish.
PUBLISHED_AFTER_SECONDS = 10
# Longer than the drill's RPO, which is the least that the lab's archive timeout allows.
SILENT_SECONDS = 38


def test_a_clock_that_is_five_seconds_off(drills: Drills, host: Callable[[str], Host]) -> None:
    """The leader's agent sees a clock of its own (libfaketime): hosts of a lab share the machine's."""
    leader = drills.lab.leader()
    with clock_ahead(host(leader), seconds=5):
        ran = drills.run()
    assert ran.code == 3
    assert f"clock fault: {leader}" in ran.why()
    drills.assert_nothing_left()


@contextmanager
def clock_ahead(lab_host: Host, seconds: int) -> Iterator[None]:
    """The heartbeat service of this host lives in the future for the length of the block."""
    lab_host.check_output("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes libfaketime")
    library = lab_host.check_output("dpkg -L libfaketime | grep 'libfaketime[.]so[.]1$'")
    drop_in = "/run/systemd/system/drillbook-heartbeat@main.service.d"
    lab_host.check_output(
        f"mkdir -p {drop_in} && printf '[Service]\nEnvironment=LD_PRELOAD={library} FAKETIME=+{seconds}s\n' > {drop_in}/clock.conf"
    )
    restart = "systemctl daemon-reload && systemctl restart drillbook-heartbeat@main.service"
    try:
        lab_host.check_output(restart)
        time.sleep(PUBLISHED_AFTER_SECONDS)
        yield
    finally:
        lab_host.check_output(f"rm -r {drop_in} && {restart}")
        time.sleep(PUBLISHED_AFTER_SECONDS)


def test_heartbeats_that_failed_before_the_disaster(drills: Drills, host: Callable[[str], Host]) -> None:
    for name in ("db1", "db2", "db3"):
        host(name).check_output("systemctl stop drillbook-heartbeat@main.service")
    try:
        time.sleep(SILENT_SECONDS)
        ran = drills.run(**drills.promising(rpo_seconds=33))
    finally:
        for name in ("db1", "db2", "db3"):
            host(name).check_output("systemctl start drillbook-heartbeat@main.service")
    assert ran.code == 1
    assert ran.record["tracks"][0]["rpo"]["inputs"]["heartbeats_failing_seconds"] >= SILENT_SECONDS
    assert (
        ran.record["tracks"][0]["rpo"]["actual_seconds"]
        >= ran.record["tracks"][0]["rpo"]["inputs"]["heartbeats_failing_seconds"]
    )
    drills.assert_nothing_left()
