"""docs/how-to/your-own-hosts.md, carried out: plain hosts that no lab's inventory knows, from the first command to the bad day."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import ROOT
from tests.contract.providers.lab import base_image
from tests.end_to_end.test_site import changed_tasks
from tests.support.plain_hosts import USER, PlainHost, PlainHosts

from drillbook.model.instants import format_instant
from drillbook_lab.lab import Recap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Platform

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PAGE = ROOT / "docs/how-to/your-own-hosts.md"
DAY_TWO = ROOT / "docs/how-to/day-two.md"
BUCKETS = ("repository", "evidence", "heartbeat")
CLOSED_UMASK = "sed -i 's/^UMASK.*/UMASK 027/' /etc/login.defs; echo 'session optional pam_umask.so umask=027' >>/etc/pam.d/common-session"
DEAD_PROXY = (
    "for name in http_proxy https_proxy HTTPS_PROXY; do echo $name=http://192.0.2.1:3128 >>/etc/environment; done"
)
AUTHORITY = "/etc/ssl/certs/store-ca.pem"
KEPT = "runuser -u postgres -- psql -XAtq --command='create table kept as select generate_series(1, 1000) as n' app"
ROWS = "runuser -u postgres -- psql -XAt --command='select count(*) from kept' app"
# One has a closed umask, one a name with capitals, one a proxy that leads nowhere.
DATABASES = (
    PlainHost("db1", "production", 111, CLOSED_UMASK),
    PlainHost("DB2", "production", 112),
    PlainHost("db3", "production", 113, DEAD_PROXY),
)
FURTHER = PlainHost("db4", "production", 114)
"""A member of PostgreSQL that comes later, and holds no member of etcd."""
OTHERS = (PlainHost("lb1", "production", 121), PlainHost("sandbox1", "sandbox", 141))


def steps(page: Path = PAGE, heading: str = "") -> list[str]:
    """What the page has one type, block by block; of the section with that heading."""
    text = page.read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@dataclass
class Operator:
    """Somebody who follows the page on a controller, with the addresses, the user, the store and the folder of the test."""

    hosts: PlainHosts
    folder: Path
    members: tuple[PlainHost, ...] = DATABASES
    lost_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def state(self) -> Path:
        """Root's own would be /var/lib/drillbook."""
        return self.folder / "state"

    def translate(self, text: str) -> str:
        lab = self.hosts.lab
        pairs = {
            "/etc/drillbook": str(self.etc),
            "inventories/mine": str(self.etc / "inventory"),
            "sudo-password": str(self.folder / "sudo-password"),
            "--user admin": f"--user {USER} --state-directory {self.state}",
            "https://s3.example.org": f"https://{lab.address('store1')}:7480",
            "eu-central-1": "default",
            "2026-01-31T12:00:00Z": format_instant(self.lost_at),
            "192.0.2.": f"{self.hosts.address(DATABASES[0]).rpartition('.')[0]}.1",
            "198.51.100.": f"{self.hosts.address(OTHERS[1]).rpartition('.')[0]}.1",
        }
        for said, here in pairs.items():
            text = text.replace(said, here)
        return text

    def type(self, step: str) -> str:
        """Type a block of the page; return what was printed. The page's order is the caller's."""
        script = self.translate(step)
        if (self.etc / "environment").exists():
            script = f'export PATH="$PWD/.venv/bin:$PATH"; . {self.etc}/environment; {script}'
        known = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "XDG_CACHE_HOME") if name in os.environ}
        done = subprocess.run(
            ["/bin/bash", "-euc", script],
            cwd=ROOT,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **known},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3600,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    def change(self, file: str, before: str, after: str) -> None:
        """Edit a file of the inventory."""
        path = self.etc / "inventory" / file
        text = path.read_text(encoding="utf-8")
        assert before in text, f"{file} has no {before!r}"
        path.write_text(text.replace(before, after), encoding="utf-8")


def edit(operator: Operator) -> None:
    """What the page says in words: other names, the buckets' authority, the store's other address, the clients' network."""
    lab = operator.hosts.lab
    operator.change("hosts.yml", "db2: {", "DB2: {")
    operator.change("group_vars/all/drillbook.yml", "  region:", f"  ca_file: {lab.state}/ca/trust.crt\n  region:")
    operator.change("group_vars/all/store.yml", "/etc/ssl/certs/ca-certificates.crt", AUTHORITY)
    operator.change(
        "group_vars/load_balancers/host_baseline.yml", "192.0.2.0/24", lab.variables["lab_subnets"]["production"]
    )
    store = operator.etc / "inventory/group_vars/sandbox/store.yml"
    store.write_text(f"---\nstore_host: {lab.address('store1', 'sandbox')}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def operator(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The hosts, and a store with buckets of theirs, which are empty in a fresh lab alone: in a kept one they are of another key."""
    lab = platform.lab
    lab.playbook("object_store", variables={f"object_store_{name}_bucket": f"example-{name}" for name in BUCKETS})
    hosts = PlainHosts(lab, base_image())
    folder = tmp_path_factory.mktemp("operator")
    (folder / "sudo-password").write_text(hosts.password + "\n", encoding="utf-8")
    (folder / "sudo-password").chmod(0o600)
    everyone = (*DATABASES, *OTHERS)
    hosts.remove((*everyone, FURTHER))
    try:
        make(hosts, everyone)
        yield Operator(hosts, folder)
    finally:
        hosts.remove((*everyone, FURTHER))


def make(hosts: PlainHosts, wanted: tuple[PlainHost, ...]) -> None:
    """Plain Debian, that knows the store's authority where `store_ca_file` says."""
    with ThreadPoolExecutor(len(wanted)) as executor:
        list(executor.map(hosts.make, wanted))
    authority = (hosts.lab.state / "ca/trust.crt").read_text(encoding="utf-8")
    for host in wanted:
        hosts.run(host, f"umask 022; echo '{authority}' >{AUTHORITY}")


def let_in(operator: Operator, hosts: tuple[PlainHost, ...]) -> None:
    """What ssh-copy-id does, without its question for a password."""
    public = (operator.etc / "ssh/id_ed25519.pub").read_text(encoding="utf-8").strip()
    for host in hosts:
        operator.hosts.run(host, f"echo '{public}' >>/home/{USER}/.ssh/authorized_keys")


def wait_for_a_fingerprint(operator: Operator) -> None:
    """And for the end of the segment that it is in."""
    there = "runuser -u postgres -- psql -XAt --command='select count(*) from drillbook.fingerprint' drillbook"
    end = "runuser -u postgres -- psql -XAt --command='select pg_switch_wal() where not pg_is_in_recovery()' postgres"
    deadline = time.monotonic() + 900
    while operator.hosts.run(DATABASES[0], there).strip() == "0":
        assert time.monotonic() < deadline, "the agent takes none"
        time.sleep(5)
    for host in DATABASES:
        operator.hosts.run(host, end)


def test_from_plain_hosts_to_pass_and_back(operator: Operator) -> None:
    hosts = operator.hosts
    bootstrap, init, keyscan, ping, config_check, site, backup, drill, restore = steps()
    operator.type(bootstrap + init)
    for key in (hosts.lab.state / "secrets/object_store").glob("*.json"):
        shutil.copy(key, operator.etc / "object_store")
    let_in(operator, (*DATABASES, *OTHERS))
    edit(operator)
    operator.type(keyscan)
    operator.type(ping)
    assert "no fault" in operator.type(config_check)

    checked, converge, again = site.splitlines()
    operator.type(checked)
    assert hosts.run(DATABASES[0], "ls -A /etc/drillbook /etc/patroni 2>/dev/null || true") == "", (
        "a dry run made something"
    )
    operator.type(converge)
    recap = Recap(operator.type(again), 0)
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)

    operator.type(backup)
    hosts.run(leader(operator), KEPT)
    keyscan = keyscan.replace("192.0.2.13", "192.0.2.13 192.0.2.14")
    add_a_member(operator, keyscan)
    recap = Recap(operator.type(again), 0)
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)
    wait_for_a_fingerprint(operator)
    assert re.search(r"^PASS  postgresql-latest: main", operator.type(drill), re.MULTILINE)

    lose_the_controller(operator)
    operator.lost_at = datetime.now(UTC)
    lost = operator.members
    hosts.remove(lost)
    make(hosts, lost)
    let_in(operator, lost)
    operator.type(keyscan)
    assert re.search(r"^PASS  .*main", operator.type(restore), re.MULTILINE)
    for host in lost:
        assert hosts.run(host, ROWS).strip() == "1000"
    recap = Recap(operator.type(again), 0)
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)
    remove_a_member(operator)
    recap = Recap(operator.type(again), 0)
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)


def add_a_member(operator: Operator, keyscan: str) -> None:
    """What docs/how-to/day-two.md says; it streams from the leader, and has its rows."""
    make(operator.hosts, (FURTHER,))
    let_in(operator, (FURTHER,))
    operator.change(
        "hosts.yml", "children: {postgresql_main: {}}\n    pgb", "hosts: {db1: {}, DB2: {}, db3: {}}\n    pgb"
    )
    operator.change(
        "hosts.yml",
        "    lb1: {ansible",
        f"    db4: {{ansible_host: {operator.hosts.address(FURTHER)}}}\n    lb1: {{ansible",
    )
    operator.change("hosts.yml", "db3: {}}\n    # A member", "db3: {}, db4: {}}\n    # A member")
    operator.type(keyscan)
    (site,) = steps(DAY_TWO, "Add a member")
    operator.type(site)
    operator.members = (*DATABASES, FURTHER)
    deadline = time.monotonic() + 120
    while operator.hosts.run(FURTHER, f"{ROWS} || true").strip() != "1000":
        assert time.monotonic() < deadline, "the new member has not caught up"
        time.sleep(2)


def remove_a_member(operator: Operator) -> None:
    """The leader forgets it, and the load balancer asks it no more."""
    end, site = steps(DAY_TWO, "Remove a member")
    if leader(operator) == FURTHER:
        pytest.fail("db4 leads, and the page has another one lead first")
    operator.type(end)
    operator.hosts.remove((FURTHER,))
    operator.members = DATABASES
    operator.change("hosts.yml", f"    db4: {{ansible_host: {operator.hosts.address(FURTHER)}}}\n", "")
    operator.change("hosts.yml", ", db4: {}", "")
    operator.type(site)
    streaming = "runuser -u postgres -- psql -XAt --command='select count(*) from pg_stat_replication' postgres"
    assert operator.hosts.run(leader(operator), streaming).strip() == "2"
    assert operator.hosts.address(FURTHER) not in operator.hosts.run(OTHERS[0], "cat /etc/haproxy/haproxy.cfg")


def lose_the_controller(operator: Operator) -> None:
    """What is left is the copy of its directory: no state, no record of an earlier run."""
    keeper = operator.folder / "keeper"
    shutil.copytree(operator.etc, keeper)
    for lost in (operator.etc, operator.state):
        shutil.rmtree(lost)
    shutil.copytree(keeper, operator.etc)
    said = operator.etc / "inventory/group_vars/all/drillbook.yml"
    changed, count = re.subn("anchor_prefix: .*", "anchor_prefix: controller2/", said.read_text(encoding="utf-8"))
    assert count == 1
    said.write_text(changed, encoding="utf-8")


def leader(operator: Operator) -> PlainHost:
    ask = "runuser -u postgres -- psql -XAt --command='select pg_is_in_recovery()' postgres || true"
    (found,) = (host for host in operator.members if operator.hosts.run(host, ask).strip() == "f")
    return found
