"""What data needs beside its own files: where the host lacks it, the acceptance checks say so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testinfra.host import Host

PORT = 15432
FILES = "/usr/share/postgresql/17/extension"
LIBRARY = "/usr/lib/postgresql/17/lib/shop.so"
CHECK = "the host has the files of extensions and collations"
SCRIPT = """create function shop_hash(text) returns integer language c strict as '$libdir/shop', 'citext_hash';"""


def ask(host: Host, text: str, database: str = "app") -> str:
    command = f"runuser -u postgres -- psql -XAtq --set=ON_ERROR_STOP=1 --port={PORT} --command=%s %s"
    return str(host.check_output(command, text, database))


@pytest.fixture
def extended(connect: Callable[[str], Host]) -> Iterator[Host]:
    """The host with an extension of its own, whose library is another's under a new name."""
    host = connect("full")
    host.check_output(f"cp /usr/lib/postgresql/17/lib/citext.so {LIBRARY}")
    host.check_output(f"printf %s \"default_version = '1'\" >{FILES}/shop.control")
    host.check_output(f"printf '%%s' %s >{FILES}/shop--1.sql", SCRIPT)
    ask(host, "create extension shop")
    yield host
    ask(host, "drop extension shop")
    host.check_output(f"rm -f {LIBRARY} {FILES}/shop.control {FILES}/shop--1.sql")


def not_passed(playbook: Callable[..., Any]) -> str:
    ended = playbook("entry", molecule_host="full", molecule_entry="verify")
    assert ended.status == 0, ended.output
    return " ".join(ended.output.rpartition("Tell which checks did not pass")[2].split())


def test_an_extension_whose_files_this_host_lacks_is_named(extended: Host, playbook: Callable[..., Any]) -> None:
    """Its name stands in the copy's own catalogue all the same."""
    assert CHECK not in not_passed(playbook)
    extended.check_output(f"rm {LIBRARY} {FILES}/shop.control")
    told = not_passed(playbook)
    assert CHECK in told
    assert "extension shop 1, library $libdir/shop" in told


def test_a_database_that_lets_nobody_in_is_named(connect: Callable[[str], Host], playbook: Callable[..., Any]) -> None:
    """One that is declared nowhere, as the locale of a server elsewhere would shut it."""
    host = connect("full")
    ask(host, "create database shut", "postgres")
    files = "update pg_database set datcollate = 'xx_YY.UTF-8', datctype = 'xx_YY.UTF-8' where datname = 'shut'"
    ask(host, files, "postgres")
    try:
        told = not_passed(playbook)
    finally:
        ask(host, "drop database shut", "postgres")
    assert "each database is open" in told
    assert "shut" in told
