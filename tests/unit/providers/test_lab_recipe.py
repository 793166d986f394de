"""How a container was made is read from the words that made it, and what can't be read is not guessed."""

from __future__ import annotations

from typing import Any

import pytest

from drillbook.providers.lab.recipe import recipe_of

IMAGE = "localhost/drillbook/base:debian13-1"


def container(*words: str) -> dict[str, Any]:
    return {"Config": {"CreateCommand": list(words)}, "ImageName": IMAGE}


def test_options_are_told_again_and_those_of_the_call_are_not() -> None:
    recipe = recipe_of(
        container(
            "podman", "container", "run", "--name", "lab-db1", "--detach=True", "-l", "mine=yes", "--systemd", "always",
            "--pids-limit", "-1", "--read-only", "--network", "net:ip=10.0.0.2,mac=02:DB:00:00:00:01", "--env=IMAGE=" + IMAGE,
            IMAGE, "/sbin/init", "--log",
        )
    )  # fmt: skip
    assert recipe is not None
    assert recipe.arguments == (
        "--label=mine=yes", "--systemd=always", "--pids-limit=-1", "--read-only",
        "--network=net:ip=10.0.0.2,mac=02:DB:00:00:00:01", "--env=IMAGE=" + IMAGE,
    )  # fmt: skip
    assert recipe.command == ("/sbin/init", "--log")
    assert recipe.only(("systemd", "read-only")) == ("--systemd=always", "--read-only")
    assert recipe.macs() == {"02:db:00:00:00:01"}


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("podman", "run", "other:image"),
        ("podman", "--root", "/srv", "run", IMAGE),
        ("podman", "run", "-it", IMAGE),
        ("podman", "run", "stray", IMAGE),
        ("python3", "run", IMAGE),
    ],
)
def test_what_can_not_be_read_is_none(words: tuple[str, ...]) -> None:
    assert recipe_of(container(*words)) is None
