"""Standing sandbox hosts: claimed by one run, refused where they are somebody's, and afterwards what they were to the last byte."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.contract.providers.standing import StandingHost, standing_host

from drillbook.clock import SystemClock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Claim, Login, SandboxHost
from drillbook.providers import open_removal, open_sandboxes, read_from
from drillbook.providers.host.place import HostPlace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drillbook.providers import Sandboxes

pytestmark = pytest.mark.lab
LIMIT = timedelta(minutes=2)
RUN, OTHER_RUN = "20261129T155551Z-main-latest-ab12", "20261129T155551Z-main-latest-cd34"
HOST = SandboxHost("sandbox1", "standing")
# systemd calls a service started before it listens.
LISTENS = "timeout 60 sh -c 'until ss -Hltn | grep -q :{port}; do sleep 0.1; done'"
# What a restore leaves: a package, a service of its own that serves others, data, settings, a user, a timer, an opening.
RESTORED = """
set -eu
mkdir -p /root/deb/DEBIAN /root/deb/etc
printf 'Package: shop\\nVersion: 1\\nArchitecture: all\\nMaintainer: shop\\nDescription: shop\\n' >/root/deb/DEBIAN/control
echo conffile >/root/deb/etc/shop.conf && echo /etc/shop.conf >/root/deb/DEBIAN/conffiles
dpkg-deb --build /root/deb /root/shop.deb >/dev/null && dpkg --install /root/shop.deb >/dev/null
groupadd --system shop && useradd --system --gid shop --create-home shop
mkdir -p /var/lib/shop/data /etc/shop /var/log/shop /srv/shop
echo secret >/etc/shop/key && echo rows >/var/lib/shop/data/rows && echo line >/var/log/shop/shop.log && echo page >/srv/shop/index
ln -s /var/lib/shop /opt/shop
mkdir -p /etc/cron.d && echo '* * * * * root true' >/etc/cron.d/shop
sed -i 's/^#\\?MaxSessions.*/MaxSessions 3/' /etc/ssh/sshd_config
chmod 0600 /etc/motd
rm /etc/issue
cat >/etc/systemd/system/shop.service <<'UNIT'
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080
[Install]
WantedBy=multi-user.target
UNIT
printf '[Timer]\\nOnCalendar=hourly\\n[Install]\\nWantedBy=timers.target\\n' >/etc/systemd/system/shop.timer
systemctl daemon-reload && systemctl enable --quiet --now shop.service shop.timer
nft add table inet shop && nft add chain inet shop input '{ type filter hook input priority 0; }' && nft add rule inet shop input tcp dport 8080 accept
"""


class Standing:
    """A standing host as its provider knows it."""

    def __init__(self, host: StandingHost, folder: Path) -> None:
        self.run = host.run
        hosts = folder / "hosts.yml"
        hosts.write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": host.variables}}}), encoding="utf-8")
        self.place = read_from(host.place, [hosts])
        self.sandboxes: Sandboxes = open_sandboxes(self.place, SystemClock())

    def everything(self) -> set[str]:
        """What can be told of it by other means than ours: /etc by content and owner, folders by name, units, users, firewall, ports."""
        told = self.run(
            "cd / && find /etc -path /etc/.updated -prune -o -type f -exec sha256sum {} + | sort -k2; "
            "find /etc /home /opt /root /srv /var/lib /var/log -path /var/log/journal -prune -o -path /var/lib/systemd -prune "
            "-o -path /etc/.updated -prune "
            "-o -path '*/.ansible*' -prune -o -path /root/.ansible -prune -o -printf '%p %m %U:%G %y %l\\n' | grep -v ' d ' | sort; "
            "systemctl list-unit-files --plain --no-legend; getent passwd; nft list ruleset; ss -Hltn | awk '{print $4}' | sort; "
            "dpkg-query --show --showformat '${binary:Package} ${db:Status-Status}\\n'"
        )
        # What the system itself writes right below /var/log is nobody's.
        return {line for line in told.splitlines() if not re.match(r"/var/log/[^/]* ", line)}


@pytest.fixture(scope="module")
def standing(containers_conf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with pytest.MonkeyPatch.context() as patch, standing_host(containers_conf) as host:
        # For Ansible's connection, which stands for ssh here.
        patch.setenv("CONTAINERS_CONF", str(containers_conf))
        made = Standing(host, tmp_path_factory.mktemp("standing"))
        # What timers do after the boot is over belongs to it.
        seen: set[str] = set()
        while seen != (now := made.everything()):
            seen = now
            time.sleep(1)
        yield made


@pytest.fixture
def claimed(standing: Standing) -> Iterator[Claim]:
    claim = standing.sandboxes.claim("sandbox1", RUN, ())
    standing.sandboxes.make(claim, HOST, LIMIT)
    yield claim
    standing.sandboxes.destroy(claim, LIMIT)


def test_it_is_afterwards_what_it_was(standing: Standing) -> None:
    before = standing.everything()
    claim = standing.sandboxes.claim("sandbox1", RUN, ())
    machine = standing.sandboxes.make(claim, HOST, LIMIT)
    assert standing.sandboxes.reach(machine, LIMIT) == Login({})
    standing.run(RESTORED)
    standing.run(LISTENS.format(port=8080))
    open_removal(standing.place, SystemClock()).destroy(claim, LIMIT)
    assert standing.everything() ^ before == set()
    standing.run("test ! -e /var/lib/drillbook")
    standing.sandboxes.destroy(claim, LIMIT)


def test_a_second_run_does_not_get_it(standing: Standing, claimed: Claim) -> None:
    other = standing.sandboxes.claim("sandbox1", OTHER_RUN, ())
    with pytest.raises(InfrastructureError, match=f"held by run {RUN}"):
        standing.sandboxes.make(other, HOST, LIMIT)
    standing.sandboxes.destroy(other, LIMIT)
    assert json.loads(standing.run("cat /var/lib/drillbook/sandbox/claim.json"))["run_id"] == RUN
    standing.sandboxes.make(claimed, HOST, LIMIT)


@pytest.mark.parametrize(
    ("occupy", "leave", "why"),
    [
        (
            "mkdir -p /srv/shop/17 && echo theirs >/srv/shop/17/rows",
            "rm -r /srv/shop",
            "/srv holds data: /srv/shop/17/rows",
        ),
        (
            f"systemd-run --quiet --unit=theirs python3 -m http.server 8081; {LISTENS.format(port=8081)}",
            "systemctl stop theirs",
            "it serves others at 0.0.0.0:8081",
        ),
    ],
)
def test_one_that_is_somebody_s_is_refused_and_left_alone(
    standing: Standing, occupy: str, leave: str, why: str
) -> None:
    standing.run(occupy)
    try:
        before = standing.everything()
        with pytest.raises(RefusedError, match=f"sandbox1 is not free: {why}"):
            standing.sandboxes.make(standing.sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
        assert standing.everything() ^ before == set()
    finally:
        standing.run(leave)


def test_what_can_t_be_brought_back_is_said_and_the_claim_stands(standing: Standing) -> None:
    claim = standing.sandboxes.claim("sandbox1", RUN, ())
    standing.sandboxes.make(claim, HOST, LIMIT)
    standing.run("mkdir -p /srv/theirs && mount -t tmpfs theirs /srv/theirs && echo rows >/srv/theirs/rows")
    with pytest.raises(InfrastructureError, match="/srv/theirs is mounted, and was not"):
        standing.sandboxes.destroy(claim, LIMIT)
    assert standing.run("cat /srv/theirs/rows").strip() == "rows"
    standing.run("umount /srv/theirs")
    standing.run("systemctl mask --runtime ssh.service && systemctl stop ssh.service ssh.socket")
    with pytest.raises(InfrastructureError, match=r"it is not what it was: enabled: ssh\.service went"):
        standing.sandboxes.destroy(claim, LIMIT)
    with pytest.raises(InfrastructureError, match=f"held by run {RUN}"):
        standing.sandboxes.make(standing.sandboxes.claim("sandbox1", OTHER_RUN, ()), HOST, LIMIT)
    standing.run("systemctl unmask --runtime ssh.service")
    standing.sandboxes.destroy(claim, LIMIT)


def test_a_claim_that_was_broken_off_is_ended_or_gone_on_with(standing: Standing) -> None:
    """The run was killed while what is there was written down: nothing was made."""
    broken_off = (
        "mkdir -p -m 0700 /var/lib/drillbook/sandbox && cd /var/lib/drillbook/sandbox && "
        f"echo '{{' >before.new && echo '{json.dumps({'run_id': RUN})}' >claim.json"
    )
    standing.run(broken_off)
    claim = Claim("standing", "sandbox1", "sandbox1", RUN)
    standing.sandboxes.destroy(claim, LIMIT)
    standing.run("test ! -e /var/lib/drillbook")
    standing.run(broken_off)
    standing.sandboxes.make(claim, HOST, LIMIT)
    standing.run("echo rows >/srv/rows")
    standing.sandboxes.destroy(claim, LIMIT)
    assert standing.run("ls -A /srv").strip() == "", "what came after it was gone on with"


def test_one_that_can_t_be_asked_is_said(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts.yml"
    host = {"ansible_connection": "containers.podman.podman", "ansible_host": "no-such-container"}
    hosts.write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": host}}}), encoding="utf-8")
    sandboxes = open_sandboxes(read_from(HostPlace(name="standing", kind="host"), [hosts]), SystemClock())
    with pytest.raises(InfrastructureError, match="sandbox1 can't be asked"):
        sandboxes.make(sandboxes.claim("sandbox1", RUN, ()), HOST, LIMIT)
