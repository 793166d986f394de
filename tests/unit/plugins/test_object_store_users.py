"""Keys of the store's users: kept where one was handed out, replaced in two steps, and in no result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.modules import module_at

MODULE = Path(__file__).resolve().parents[3] / "plugins/modules/object_store_users.py"
object_store_users = module_at(MODULE)

USER = {"name": "writer", "display_name": "Writes", "max_buckets": -1, "operations": ["read", "write"]}


class FailedError(Exception):
    """What the module ends with."""


class Gateway:
    """radosgw-admin with one user, as far as the module asks it. It tells keys in the order of their names."""

    def __init__(self, directory: Path, *keys: str) -> None:
        self.keys = list(keys)
        self.check_mode = False
        self.params: dict[str, Any] = {"credentials_directory": str(directory), "rotate": [], "retire": []}
        self.made = 0

    def run_command(self, argv: list[str]) -> tuple[int, str, str]:
        option = dict(part.split("=", 1) for part in argv if "=" in part)
        match argv[1:3]:
            case ["key", "create"]:
                # The newest is not the last one.
                self.made += 1
                self.keys.append(f"A{self.made}")
            case ["key", "rm"]:
                self.keys.remove(option["--access-key"])
        keys = [{"access_key": key, "secret_key": f"secret of {key}"} for key in sorted(self.keys)]
        return 0, json.dumps({"keys": keys, "max_buckets": -1, "op_mask": "read, write"}), ""

    def fail_json(self, msg: str) -> None:
        raise FailedError(msg)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path, "first")


def run(gateway: Gateway, **params: list[str]) -> Any:
    """One run of the module; gives its results."""
    gateway.params |= {"rotate": [], "retire": []} | params
    users = object_store_users.Users(gateway)
    users.ensure(USER)
    return users


def held(gateway: Gateway) -> str:
    return str(json.loads(Path(gateway.params["credentials_directory"], "writer.json").read_text())["access_key"])


def test_a_key_is_replaced_in_two_steps(gateway: Gateway) -> None:
    run(gateway)
    assert held(gateway) == "first"
    assert run(gateway, rotate=["writer"]).written == ["writer"]
    assert (held(gateway), sorted(gateway.keys)) == ("A1", ["A1", "first"])
    assert run(gateway, retire=["writer"]).retired == ["writer"]
    assert (held(gateway), gateway.keys) == ("A1", ["A1"])
    assert run(gateway, retire=["writer"]).retired == []


def test_what_was_handed_out_stays_whichever_comes_first(gateway: Gateway) -> None:
    run(gateway)
    gateway.keys.append("A0")
    users = run(gateway)
    assert (users.written, held(gateway)) == ([], "first")


def test_a_broken_rotation_is_refused_and_ended_by_retiring(gateway: Gateway) -> None:
    run(gateway)
    gateway.keys.append("A0")
    with pytest.raises(FailedError, match=r"writer has 2 keys already.*object_store_retire_keys"):
        run(gateway, rotate=["writer"])
    run(gateway, retire=["writer"])
    assert (held(gateway), gateway.keys) == ("first", ["first"])


def test_no_key_is_retired_where_nobody_holds_one(gateway: Gateway) -> None:
    gateway.keys.append("A0")
    with pytest.raises(FailedError, match="holds none of the keys of writer"):
        run(gateway, retire=["writer"])
    assert sorted(gateway.keys) == ["A0", "first"]


@pytest.mark.parametrize("verb", ["rotate", "retire"])
def test_a_dry_run_changes_nothing_and_says_what_it_would(gateway: Gateway, verb: str) -> None:
    run(gateway)
    if verb == "retire":
        gateway.keys.append("A0")
    before = list(gateway.keys)
    gateway.check_mode = True
    users = run(gateway, **{verb: ["writer"]})
    assert (users.written if verb == "rotate" else users.retired) == ["writer"]
    assert (held(gateway), gateway.keys) == ("first", before)
