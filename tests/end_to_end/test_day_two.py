"""What changes in a living cluster: settings, packages, passwords, a member. One host at a time, and no acknowledged commit is lost."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.conftest import end_segments, wait_until_archived
from tests.end_to_end.test_site import changed_tasks
from tests.support.older_packages import NEWER, installed, make_older, offer_broken, take_back

from drillbook_lab.lab import DATABASE_HOSTS
from drillbook_lab.traffic.under_load import under_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from testinfra.host import Host
    from tests.conftest import Platform

    from drillbook_lab.lab import Lab, Recap

pytestmark = pytest.mark.lab

COME_TOGETHER = timedelta(minutes=3)
MEMBER = ("etcd-server", "patroni", "pgbackrest", "pgbouncer", "postgresql-17")
HERE = ("--limit", "postgresql_main,load_balancers")


def declared(lab: Lab, host: Callable[[str], Host], name: str, value: int | None) -> None:
    """Have the cluster's configuration ask for a value, or none, as `site.yml` does where it is declared."""
    wanted = "null" if value is None else value
    host(lab.leader()).check_output(
        f"patronictl -c /etc/patroni/conf.d edit-config --force --quiet --set postgresql.parameters.{name}={wanted} main"
    )


def in_force(lab: Lab, host: Callable[[str], Host], name: str) -> set[str]:
    """What the members' servers have."""
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    shown = f"runuser -u postgres -- psql -XAtq --command='show {name}' postgres"
    return {host(member).check_output(shown) for member in DATABASE_HOSTS}


def test_a_setting_that_waits_is_taken_over_by_a_rolling_restart(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    lab = platform.lab
    assert in_force(lab, host, "track_activity_query_size") == {"1kB"}
    leader = lab.leader()
    declared(lab, host, "track_activity_query_size", 2048)
    try:
        seen = under_load(lab, tmp_path / "a.tsv", lambda: lab.playbook("restart_postgresql", *HERE), wait_seconds=5)
    finally:
        declared(lab, host, "track_activity_query_size", None)
    assert in_force(lab, host, "track_activity_query_size") == {"2kB"}
    assert lab.leader() != leader, "the leader did not hand over"
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert seen.outage_seconds < 15, "writes did not come back"
    figure(f"rolling restart: write outage {seen.outage_seconds:.2f} s")


@pytest.mark.slow
def test_a_setting_that_was_lowered_is_taken_over_too(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """A standby may not have less than its leader, so the leader comes first, and is restarted in its place."""
    lab = platform.lab
    (before,) = map(int, in_force(lab, host, "max_connections"))
    for wanted in (before + 10, before):
        declared(lab, host, "max_connections", wanted)
        seen = under_load(
            lab, tmp_path / f"{wanted}.tsv", lambda: lab.playbook("restart_postgresql", *HERE), wait_seconds=5
        )
        assert in_force(lab, host, "max_connections") == {str(wanted)}
        assert (seen.acknowledged > 0, seen.lost) == (True, 0)
        figure(f"rolling restart, from {before} connections to {wanted}: write outage {seen.outage_seconds:.2f} s")


@pytest.mark.slow
def test_packages_are_updated_one_host_after_the_other(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    lab = platform.lab
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    newest = {name: make_older(host(name), *MEMBER) for name in DATABASE_HOSTS}
    balancer = make_older(host("lb1"), "haproxy")
    ran: list[Recap] = []
    seen = under_load(lab, tmp_path / "a.tsv", lambda: ran.append(lab.playbook("update", *HERE)), wait_seconds=5)
    assert {name: installed(host(name), *MEMBER) for name in DATABASE_HOSTS} == newest
    assert installed(host("lb1"), "haproxy") == balancer
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert seen.outage_seconds < 20, "writes did not come back"
    figure(
        f"rolling update of {len(MEMBER)} packages: write outage {seen.outage_seconds:.2f} s, {ran[0].seconds:.0f} s"
    )
    again = lab.playbook("update", *HERE)
    assert set(again.changed().values()) == {0}, changed_tasks(again.output)


@pytest.mark.slow
def test_the_object_store_is_updated_while_archiving_goes_on(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    lab, store, leader = platform.lab, host("store1"), host(platform.lab.leader())
    listed = store.check_output("dpkg-query --show --showformat='${source:Package} ${Package}\\n'")
    ours = [name for source, name in map(str.split, listed.splitlines()) if source == "ceph"]
    newest = make_older(store, *ours)

    def updated() -> None:
        end_segments(leader, 3)
        lab.playbook("update", "--limit", "object_store")
        end_segments(leader, 3)

    seen = under_load(lab, tmp_path / "a.tsv", updated, wait_seconds=5)
    wait_until_archived(leader, seconds=180)
    assert installed(store, *ours) == newest
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    figure(f"update of {len(ours)} packages of the object store: write outage {seen.outage_seconds:.2f} s")
    points = json.loads(lab.run("drillbook", "recovery-points", "main", "--json").stdout)
    assert points["holes"] == []
    again = lab.playbook("update", "--limit", "object_store")
    assert set(again.changed().values()) == {0}, changed_tasks(again.output)


@pytest.mark.slow
def test_a_store_that_is_not_whole_is_not_touched(platform: Platform, host: Callable[[str], Host]) -> None:
    lab, store = platform.lab, host("store1")
    before = store.check_output("systemctl show --property=MainPID --value ceph-radosgw@rgw.a")
    store.check_output("systemctl stop ceph-osd@0")
    try:
        code, recap = lab.attempt(
            "update", "--limit", "object_store", "--extra-vars", "object_store_start_timeout_seconds=5"
        )
    finally:
        store.check_output("systemctl start ceph-osd@0")
    assert code != 0
    assert "0 of 1 OSDs are up" in recap.output, recap.output[-3000:]
    assert store.check_output("systemctl show --property=MainPID --value ceph-radosgw@rgw.a") == before


@pytest.fixture
def offered(platform: Platform, host: Callable[[str], Host]) -> Iterator[tuple[str, str, str]]:
    """First standby, second standby and leader, with a newer Patroni on offer to each: it fails on the second standby."""
    lab = platform.lab
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    leader = lab.leader()
    first, second = (name for name in DATABASE_HOSTS if name != leader)
    for name in DATABASE_HOSTS:
        offer_broken(host(name), "patroni", on=second)
    yield first, second, leader
    for name in DATABASE_HOSTS:
        take_back(host(name), "patroni")
    lab.playbook("restart_postgresql", *HERE)


@pytest.mark.slow
def test_a_package_that_fails_on_the_second_host_stops_there(
    platform: Platform, host: Callable[[str], Host], offered: tuple[str, str, str]
) -> None:
    lab, (first, second, leader) = platform.lab, offered
    code, recap = lab.attempt("update", *HERE, "--extra-vars", "packages_lists_valid_seconds=0")
    assert code != 0
    assert "patroni" in recap.output.partition("PLAY RECAP")[0].rpartition("TASK [")[2], recap.output[-3000:]
    assert installed(host(first), "patroni")["patroni"].endswith(NEWER)
    assert not installed(host(leader), "patroni")["patroni"].endswith(NEWER), "it went on after the failure"
    assert lab.leader() == leader, "the lead was handed over"
    assert sorted(member["state"] for member in lab.cluster()) == ["running", "streaming", "streaming"]
    assert "half-configured" in host(second).check_output(
        "dpkg-query --show --showformat='${db:Status-Status}' patroni"
    )


PASSWORDS = ("superuser", "replication", "rewind", "restapi")


@pytest.mark.slow
def test_passwords_are_rotated_under_load(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Those of Patroni's own roles: standbys go on streaming, or a lossless leader would acknowledge nothing."""
    lab = platform.lab
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    new = {f"postgresql_{name}_password": secrets.token_urlsafe(24) for name in PASSWORDS}
    configured = ("--limit", "postgresql_main", "--tags", "postgresql")
    seen = under_load(
        lab, tmp_path / "a.tsv", lambda: lab.playbook("site", *configured, variables=new), wait_seconds=5
    )  # fmt: skip
    try:
        assert (seen.acknowledged > 0, seen.lost) == (True, 0)
        assert seen.outage_seconds < 10, "writes stood still while passwords changed"
        figure(f"rotation of {len(PASSWORDS)} passwords: write outage {seen.outage_seconds:.2f} s")
        # A standby that comes again comes with the new one.
        standby = next(name for name in DATABASE_HOSTS if name != lab.leader())
        host(standby).check_output("systemctl restart patroni.service")
        lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    finally:
        lab.playbook("site", *configured)
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)


@pytest.mark.slow
def test_a_member_whose_host_is_lost_is_replaced(
    platform: Platform, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """A new host of its name: etcd takes it in for the former member, and Patroni makes it from the backup."""
    lab = platform.lab
    lost = next(name for name in DATABASE_HOSTS if name != lab.leader())

    def replaced() -> None:
        lab.destroy(lost)
        lab.playbook("lab/up")
        lab.playbook("site", "--limit", "postgresql_main")

    seen = under_load(lab, tmp_path / "a.tsv", replaced, wait_seconds=5)
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    figure(f"replacement of a member: write outage {seen.outage_seconds:.2f} s")


@pytest.mark.slow
def test_the_keys_of_the_store_are_replaced_without_a_gap_in_the_archive(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path
) -> None:
    """Both keys are good until the second run, so no segment is refused."""
    lab = platform.lab
    leader = host(lab.leader())
    kept = lab.state / "secrets/object_store/repository_writer.json"
    before = (kept.read_text(encoding="utf-8"), failures_of_the_archive(leader))

    def replaced() -> None:
        for step in ("rotate", "retire"):
            lab.playbook("site", variables={f"object_store_{step}_keys": ["repository_writer"]})
            end_segments(leader, 3)

    seen = under_load(lab, tmp_path / "a.tsv", replaced, wait_seconds=5)
    wait_until_archived(leader)
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    assert kept.read_text(encoding="utf-8") != before[0], "no key was replaced"
    assert failures_of_the_archive(leader) == before[1]
    points = json.loads(lab.run("drillbook", "recovery-points", "main", "--json").stdout)
    assert points["holes"] == []


def failures_of_the_archive(leader: Host) -> str:
    """How often the archive command has failed on this server."""
    asked = "select failed_count from pg_stat_archiver"
    return str(leader.check_output(f"runuser -u postgres -- psql -XAtq --command='{asked}' postgres"))


@pytest.mark.slow
def test_the_authority_is_rotated_under_load(
    platform: Platform, host: Callable[[str], Host], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    """Every service goes on, and in the end what the former authority signed opens nothing."""
    lab = platform.lab
    tls = "/etc/drillbook/tls"
    for name in DATABASE_HOSTS:
        host(name).check_output(f"install -m 0600 -t /root {tls}/ca.crt {tls}/etcd.crt {tls}/etcd.key")
    seen = under_load(lab, tmp_path / "a.tsv", lambda: lab.playbook("rotate_authority"), wait_seconds=5)
    assert (seen.acknowledged > 0, seen.lost) == (True, 0)
    figure(f"rotation of the authority: write outage {seen.outage_seconds:.2f} s")
    lab.wait_for_members(len(DATABASE_HOSTS), COME_TOGETHER)
    for name in DATABASE_HOSTS:
        assert host(name).file(f"{tls}/ca.crt").content_string.count("BEGIN CERTIFICATE") == 1
        for certificate in host(name).check_output(f"find {tls} -name '*.crt' ! -name 'ca*'").split():
            assert host(name).run(f"openssl verify -CAfile {tls}/ca.crt {certificate}").rc == 0, certificate
        asked = f"curl --http1.1 --noproxy '*' --silent https://{lab.address(name)}:2379/version"
        assert host(name).run(f"{asked} --cacert {tls}/ca.crt --cert {tls}/etcd.crt --key {tls}/etcd.key").rc == 0
        assert host(name).run(f"{asked} --cacert {tls}/ca.crt --cert /root/etcd.crt --key /root/etcd.key").rc != 0
        assert host(name).run(f"{asked} --cacert /root/ca.crt --cert {tls}/etcd.crt --key {tls}/etcd.key").rc != 0
    lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
    assert lab.run("drillbook", "evidence", "anchor").returncode == 0
    recap = lab.playbook("site")
    assert set(recap.changed().values()) == {0}, changed_tasks(recap.output)
