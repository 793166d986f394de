"""What a user and an attacker notice of the baseline, on hosts that somebody had configured by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

OPENED, UNOPENED = 5000, 5999


@pytest.fixture
def serving(host: Host) -> Iterator[None]:
    """Something listens on the opened port and on one that nobody opened."""
    for port in (OPENED, UNOPENED):
        host.check_output(f"systemd-run --collect --unit=molecule-{port} python3 -m http.server {port}")
    deadline = time.monotonic() + 30
    while not all(host.socket(f"tcp://0.0.0.0:{port}").is_listening for port in (OPENED, UNOPENED)):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    yield
    host.check_output(f"systemctl stop molecule-{OPENED}.service molecule-{UNOPENED}.service")


def test_the_firewall_starts_at_boot_and_drops_by_default(host: Host) -> None:
    assert host.service("nftables.service").is_enabled
    assert "policy drop" in host.check_output("nft list chain inet drillbook input")


def test_only_the_opened_port_is_reached_from_outside(
    serving: None, address: str, answers: Callable[..., bool]
) -> None:
    assert answers(address, OPENED, seconds=10)
    assert not answers(address, UNOPENED)


def test_rules_that_somebody_wrote_are_kept(host: Host) -> None:
    assert "byhand" in host.file("/etc/nftables.conf.before-drillbook").content_string


def test_an_opening_that_nobody_declares_any_more_is_gone(host: Host) -> None:
    assert not host.file("/etc/nftables.d/drillbook-forgotten.nft").exists


@pytest.mark.parametrize(("name", "forbidden"), [("deb12", False), ("deb13", True)])
def test_forwarding_is_as_declared(host: Host, forbidden: bool) -> None:
    chain = host.run("nft list chain inet drillbook forward")
    assert ("policy drop" in chain.stdout) is forbidden


@pytest.mark.parametrize(("unit", "kept"), [("patroni.service", "0"), ("etcd.service", "0"), ("cron.service", "")])
def test_needrestart_leaves_our_services_alone(host: Host, unit: str, kept: str) -> None:
    script = (
        'do "/etc/needrestart/conf.d/drillbook.conf";'
        "for (keys %{$nrconf{override_rc}}) { print $nrconf{override_rc}{$_} if $ARGV[0] =~ $_ }"
    )
    assert host.check_output(f"perl -e '{script}' {unit}") == kept


def test_ssh_takes_no_passwords_though_the_file_said_so(host: Host) -> None:
    assert "passwordauthentication no" in host.check_output("sshd -T").splitlines()


@pytest.mark.parametrize(("name", "groups"), [("deb12", ["allowgroups root"]), ("deb13", [])])
def test_ssh_lets_in_the_declared_groups(host: Host, groups: list[str]) -> None:
    assert [line for line in host.check_output("sshd -T").splitlines() if line.startswith("allowgroups")] == groups


@pytest.mark.parametrize(("name", "forwarding"), [("deb12", "no"), ("deb13", "yes")])
def test_ssh_forwards_ports_only_where_that_is_wanted(host: Host, forwarding: str) -> None:
    assert f"allowtcpforwarding {forwarding}" in host.check_output("sshd -T").splitlines()


@pytest.mark.parametrize(("name", "module"), [("deb12", "molecule"), ("deb13", "dccp")])
def test_a_module_that_nobody_needs_is_not_loaded_on_demand(host: Host, module: str) -> None:
    assert f"install {module} /bin/false" in host.file("/etc/modprobe.d/drillbook.conf").content_string.splitlines()


def test_a_session_can_t_leave_a_core_file(host: Host) -> None:
    """With pam_limits, as a login has it."""
    assert host.check_output("ulimit -Hc") == "0"


@pytest.mark.parametrize(("name", "seconds"), [("deb12", "60"), ("deb13", "")])
def test_a_shell_that_nobody_types_into_ends_where_that_is_wanted(host: Host, seconds: str) -> None:
    assert host.check_output("bash -lc 'echo ${TMOUT-}'") == seconds


@pytest.mark.parametrize(("name", "banner"), [("deb12", "/etc/issue.net"), ("deb13", "none")])
def test_a_banner_is_shown_where_there_is_one(host: Host, banner: str) -> None:
    assert f"banner {banner}" in host.check_output("sshd -T").splitlines()
    for path in ("/etc/issue", "/etc/issue.net"):
        assert ("Restricted to molecules." in host.file(path).content_string) is (banner != "none")


def test_nobody_else_reads_roots_jobs(host: Host) -> None:
    shown = host.check_output(
        r"find /etc /etc/ssh/sshd_config.d -maxdepth 1 \( -name 'cron.*' -o -name 10-drillbook.conf \) -perm /077"
    )
    assert shown == ""


@pytest.mark.parametrize(("name", "held"), [("deb12", "^molecule"), ("deb13", "^postgresql")])
def test_unattended_updates_leave_the_held_packages_alone(host: Host, held: str) -> None:
    assert f'"{held}"' in host.check_output("apt-config dump Unattended-Upgrade::Package-Blacklist")


def test_packages_come_from_the_declared_sources(host: Host) -> None:
    assert host.file("/etc/apt/sources.list.d/debian.sources").exists
    assert not host.file("/etc/apt/sources.list").exists
    assert host.run("apt-get update").rc == 0


def test_switched_off_it_leaves_the_rules_of_others_alone(
    connect: Callable[[str], Host], playbook: Callable[..., Any]
) -> None:
    """The last one: these hosts have lost the role's rules."""
    hosts = [connect(name) for name in ("deb12", "deb13")]
    for host in hosts:
        host.check_output("echo 'table inet byhand { }' >/etc/nftables.conf")
    ended = playbook("converge", host_baseline_firewall_enabled=False)
    assert ended.status == 0, ended.output
    for host in hosts:
        assert host.file("/etc/nftables.conf").content_string == "table inet byhand { }\n"
        assert host.service("nftables.service").is_enabled
