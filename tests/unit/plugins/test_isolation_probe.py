"""A refusal is an answer, and so is a route: only what can't be sent anywhere is isolation."""

import socket
from pathlib import Path
from types import ModuleType

import pytest
from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/isolation_probe.py"


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    return module_at(MODULE)


def test_a_listener_is_open(probe: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = probe.attempt({"name": "store", "address": "127.0.0.1", "port": port, "expect": "open"}, 1.0)
    assert seen["open"] is True


def test_a_refusal_counts_as_reached(probe: ModuleType) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    seen = probe.attempt({"name": "production", "address": "127.0.0.1", "port": port, "expect": "closed"}, 1.0)
    assert seen["open"] is True
    assert "refused" in seen["text"]


def test_no_route_is_closed(probe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_arguments: object, **_named: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(probe.socket, "create_connection", unreachable)
    assert probe.attempt({"name": "x", "address": "203.0.113.1", "port": 1, "expect": "closed"}, 1.0)["open"] is False


def test_an_unexpected_error_is_not_taken_for_silence(probe: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(*_arguments: object, **_named: object) -> None:
        raise OSError(104, "Connection reset by peer")

    monkeypatch.setattr(probe.socket, "create_connection", reset)
    assert probe.attempt({"name": "x", "address": "203.0.113.1", "port": 1, "expect": "closed"}, 1.0)["open"] is True


V4 = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
V4_SUBNET = "eth0\t0001630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
V4_DEFAULT = "eth0\t00000000\t0101630A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ZERO = "0" * 32
V6_REJECTED = f"{ZERO} 00 {ZERO} 00 {ZERO} ffffffff 00000001 00000000 00200200 lo\n"
V6_DEFAULT = f"{ZERO} 00 {ZERO} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003 eth0\n"


@pytest.mark.parametrize(
    ("fourth", "sixth", "found"),
    [
        (V4 + V4_SUBNET, V6_REJECTED, [False, False]),
        (V4 + V4_SUBNET + V4_DEFAULT, V6_REJECTED, [True, False]),
        (V4 + V4_SUBNET, V6_REJECTED + V6_DEFAULT, [False, True]),
        (V4, None, [False, False]),
    ],
)
def test_a_default_route_of_either_family_is_a_way_out(
    probe: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fourth: str,
    sixth: str | None,
    found: list[bool],
) -> None:
    monkeypatch.setattr(probe, "V4_DEFAULT", str(tmp_path / "route"))
    monkeypatch.setattr(probe, "V6_DEFAULT", str(tmp_path / "ipv6_route"))
    (tmp_path / "route").write_text(fourth, encoding="ascii")
    if sixth is not None:
        (tmp_path / "ipv6_route").write_text(sixth, encoding="ascii")
    assert [one["open"] for one in probe.default_routes("closed")] == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("fe800000000000000000000000000001 02 40 20 80 eth0", False),
        ("fd000000000000000000000000000001 02 40 00 80 eth0", False),
        ("20010db8000000000000000000000001 02 40 00 00 eth0", True),
    ],
)
def test_an_address_of_the_internet_is_a_way_out(
    probe: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, found: bool
) -> None:
    monkeypatch.setattr(probe, "V6_ADDRESSES", str(tmp_path / "if_inet6"))
    (tmp_path / "if_inet6").write_text(f"{1:032x} 01 80 10 80 lo\n{address}\n", encoding="ascii")
    assert probe.global_addresses("closed")["open"] is found


def test_a_route_alone_is_a_way_out_and_what_has_none_is_not(
    probe: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probe.route("127.0.0.1", "production by route", "closed")["open"] is True

    def unreachable(*_arguments: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(probe.socket.socket, "connect", unreachable)
    assert probe.route("192.0.2.1", "production by route", "closed")["open"] is False


def test_a_host_that_answers_no_tcp_is_found_by_its_echo(probe: ModuleType) -> None:
    """What host_baseline loads drops every port and lets an echo through."""
    try:
        seen = probe.echo("127.0.0.1", 2.0)
    except PermissionError:
        pytest.skip("this user may send no ICMP here")
    assert (seen["open"], seen["reason"]) == (True, "answered")


def test_a_datagram_that_is_refused_is_an_answer(probe: ModuleType) -> None:
    assert probe.datagram("127.0.0.1", 2.0)["open"] is True


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_both_families_are_tried(probe: ModuleType, address: str) -> None:
    seen = probe.attempt({"name": "production", "address": address, "port": 9, "expect": "closed"}, 1.0)
    assert seen["target"] == ("127.0.0.1:9" if address == "127.0.0.1" else "[::1]:9")
    assert probe.family(address).name == ("AF_INET" if address == "127.0.0.1" else "AF_INET6")
