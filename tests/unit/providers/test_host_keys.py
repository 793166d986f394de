"""What is told as a host key is one, or is refused without being repeated."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from drillbook.errors import RefusedError
from drillbook.providers.cloud_init import errors_in, init_stage_of
from drillbook.providers.host_keys import host_key_in, read_host_key
from drillbook.ssh_key import SshKey

KEY = SshKey.generate()
ANOTHER_SORT = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


@pytest.mark.parametrize("form", ["{}", "{}\n", "  {} root@db1 of somebody\r\n"])
def test_one_key_is_taken_without_its_comment(form: str) -> None:
    text = form.format(KEY.public)
    assert host_key_in(text) == read_host_key(text, "db1") == KEY.public


WRONG = {
    "nothing": "",
    "type alone": "ssh-ed25519",
    "cut off": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIhost root@db1",
    "page of a proxy": "<html>502 Bad Gateway</html>",
    "private key": KEY.private,
    "two keys": f"{KEY.public}\n{KEY.public}\n",
    "authority beside it": f"{KEY.public}\n@cert-authority * {KEY.public}\n",
    "with a host": f"*,{KEY.public}",
    "another sort": ANOTHER_SORT.decode(),
}


@pytest.mark.parametrize("case", WRONG)
def test_anything_else_is_refused_and_not_repeated(case: str) -> None:
    text = WRONG[case]
    assert host_key_in(text) is None
    with pytest.raises(RefusedError, match="not one Ed25519 public key") as raised:
        read_host_key(text, "db1 (qemu/101)")
    assert raised.value.where.startswith("db1 (qemu/101)")
    assert not any(word in str(raised.value) for word in text.split() if len(word) > len("ssh-ed25519"))


@pytest.mark.parametrize(
    ("init", "found"),
    [
        ({"errors": [], "finished": 12.5}, []),
        ({"errors": ["('ssh', KeyError)"], "finished": 12.5}, ["('ssh', KeyError)"]),
        ({"errors": [], "finished": None, "start": 11.0}, None),
        ({}, None),
    ],
)
def test_the_stage_that_makes_keys_has_ended(init: dict[str, object], found: list[str] | None) -> None:
    assert init_stage_of(json.dumps({"v1": {"init": init, "modules-final": {"errors": ["x"], "finished": 1}}})) == found


ODD = [
    "",
    "{",
    "[]",
    '{"v1": null}',
    '{"v1": []}',
    '{"v1": {"init": 3, "errors": 3}}',
    "[" * 50_000,
    '{"v1": "\\ud800"}',
]


@pytest.mark.parametrize("text", ODD)
def test_a_result_that_is_none_is_an_error(text: str) -> None:
    assert errors_in(text) == ["/run/cloud-init/result.json is not what cloud-init writes"]


@pytest.mark.parametrize("text", ODD)
def test_a_status_that_is_being_written_says_nothing(text: str) -> None:
    assert init_stage_of(text) is None
