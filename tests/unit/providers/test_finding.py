"""One machine for each host, or which of them are missing or double."""

import pytest

from drillbook.errors import ConfigurationError
from drillbook.providers.finding import one_for_each

FOUND = {"db": ["i-1"], "web1": ["i-2", "i-3"], "web2": list[str]()}


def find(*hosts: str, unseen: str = "") -> tuple[str, ...]:
    return one_for_each(FOUND, hosts, noun="guest", where="the list", remedy="Name them.", unseen=unseen)


def test_they_come_in_the_order_of_the_hosts() -> None:
    FOUND["app"] = ["i-4"]
    assert find("db", "app") == ("i-1", "i-4")
    assert find("app", "db") == ("i-4", "i-1")


def test_what_is_missing_or_double_is_named_in_one_error() -> None:
    with pytest.raises(ConfigurationError) as refused:
        find("db", "web1", "web2", "cache", unseen="; 2 guests are not shown")
    assert refused.value.message == (
        "web1: 2 guests have this name; web2: no guest has this name; cache: no guest has this name"
        "; 2 guests are not shown"
    )
    assert (refused.value.where, refused.value.remedy) == ("the list", "Name them.")
