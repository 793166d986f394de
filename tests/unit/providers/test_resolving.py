"""Names as the controller knows them; what is the asker's own is nobody's address."""

import socket

import pytest

from drillbook.providers.resolving import addresses_of


def test_an_address_is_its_own_name() -> None:
    assert addresses_of("192.0.2.200") == ("192.0.2.200",)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_address_is_each_machine_s_own(name: str) -> None:
    assert addresses_of(name) == ()


def test_all_addresses_of_a_name_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (address, 0)) for address in ("192.0.2.9", "192.0.2.3", "192.0.2.9")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
    assert addresses_of("pve1.example.org") == ("192.0.2.3", "192.0.2.9")


def test_a_name_that_is_not_known_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert addresses_of("nobody.example.org") == ()
