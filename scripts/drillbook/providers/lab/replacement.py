"""Puts a container made of an image in the place of another one.

A container can't be put back; one made of the image takes its name. The old one stands aside (`REPLACED`) until that is done, so
that whatever kills us leaves one of both, and the same call goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.model import Machine
from drillbook.providers.lab.machines import REPLACED, REPLACEMENT
from drillbook.providers.lab.podman import Podman

_LEAST = timedelta(seconds=1)


def standing(podman: Podman, name: str) -> Mapping[str, Any] | None:
    """The container of this name, or the one that stands aside for it."""
    return podman.inspect(name) or podman.inspect(name + REPLACED)


def replace(
    podman: Podman,
    machine: Machine,
    image: str,
    arguments: Sequence[str],
    command: Sequence[str],
    left: Callable[[], timedelta],
) -> None:
    """Make a container of the image with these options of `podman create`, and give it the machine's name; it is left stopped.

    ``left`` says how much time is left.
    """
    aside, new = machine.identifier + REPLACED, machine.identifier + REPLACEMENT
    present = podman.inspect(machine.identifier)
    podman.remove(new)
    podman.call(
        "create",
        "--name",
        new,
        "--pull=never",
        *arguments,
        image,
        *command,
        where=machine.host,
        timeout=max(left(), _LEAST),
    )
    if present is not None:
        podman.remove(aside)
        podman.unpause(machine.identifier, max(left(), _LEAST))
        podman.call("stop", "--time", "0", machine.identifier, where=machine.host, timeout=max(left(), _LEAST))
        podman.call("rename", machine.identifier, aside, where=machine.host)
    podman.call("rename", new, machine.identifier, where=machine.host)
    podman.remove(aside)
