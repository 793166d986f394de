"""What is decided before etcd is asked, and what is said of its answers. Users, prefixes and passwords are tried on a real etcd: molecule/etcd."""

from __future__ import annotations

from base64 import b64decode
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.modules import module_at
from tests.support.proxmox.certificate import make_certificate

if TYPE_CHECKING:
    from types import ModuleType

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


@pytest.fixture(scope="module")
def client() -> ModuleType:
    return module_at(PLUGINS / "module_utils/etcd.py")


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    made = make_certificate(tmp_path)
    files = {"ca_path": made.certificate, "client_cert": made.certificate, "client_key": made.key}
    return {"endpoints": ["https://127.0.0.1:1"], **{key: str(path) for key, path in files.items()}}


@pytest.mark.parametrize(
    ("prefix", "behind"),
    [("/service/main/", b"/service/main0"), ("a", b"b"), ("/\u00e9", b"/\xc3\xaa"), ("~", b"\x7f")],
)
def test_a_prefix_ends_before_the_next_word(client: ModuleType, prefix: str, behind: bytes) -> None:
    """`/service/main/` is not `/service/main2/`."""
    first, last = client.key_range(prefix)
    assert (b64decode(first), b64decode(last)) == (prefix.encode(), behind)


def test_no_user_gets_every_key(client: ModuleType) -> None:
    with pytest.raises(client.EtcdError, match="is no prefix"):
        client.key_range("")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error":"etcdserver: permission denied","code":7,"message":"x"}', "etcdserver: permission denied"),
        (b'{"message":"x"}', "x"),
        (b"<html>", "<html>"),
        (b"[1]", "[1]"),
        (b"\xff", "\ufffd"),
    ],
)
def test_etcd_s_own_words_are_told(client: ModuleType, body: bytes, words: str) -> None:
    assert client.said(body) == words


def test_members_that_do_not_answer_are_passed_over_and_the_last_is_named(
    client: ModuleType, wanted: dict[str, Any]
) -> None:
    etcd = client.Etcd({**wanted, "endpoints": ["https://127.0.0.1:1", "https://127.0.0.1:2/"]})
    with pytest.raises(client.EtcdError, match=r"https://127\.0\.0\.1:2 does not answer: .*refused"):
        etcd.call("/auth/user/list")


def test_a_file_that_is_no_certificate_is_told(client: ModuleType, wanted: dict[str, Any]) -> None:
    Path(wanted["client_key"]).write_text("none")
    with pytest.raises(client.EtcdError, match="can't be read as a certificate or key"):
        client.Etcd(wanted)


@pytest.mark.parametrize("answer", [b"[1]", b"<html>", b'{"token"'], ids=["a list", "a page", "cut off"])
def test_an_answer_that_is_none_is_told(
    client: ModuleType, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    etcd = client.Etcd({**wanted, "endpoints": ["https://127.0.0.1:1"]})
    monkeypatch.setattr(etcd._opener, "open", lambda *_asked, **_options: BytesIO(answer))
    with pytest.raises(client.EtcdError, match=r"https://127\.0\.0\.1:1 does not answer: "):
        etcd.call("/auth/user/list")


def test_a_connection_that_ends_in_the_middle_of_an_answer_is_told(
    client: ModuleType, wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_asked: object, **_options: object) -> None:
        raise IncompleteRead(b"{")

    etcd = client.Etcd({**wanted, "endpoints": ["https://127.0.0.1:1"]})
    monkeypatch.setattr(etcd._opener, "open", cut_off)
    with pytest.raises(client.EtcdError, match="does not answer: IncompleteRead"):
        etcd.call("/auth/user/list")
