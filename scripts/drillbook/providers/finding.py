"""Finds those machines that there are."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from drillbook.errors import ConfigurationError, DrillbookError
from drillbook.model import Machine
from drillbook.providers.protocols import Machines

_Found = TypeVar("_Found")


def find_each(provider: Machines, hosts: Sequence[str]) -> tuple[dict[str, Machine], dict[str, DrillbookError]]:
    """Return the machines that there are, and why others can't be found: one that is gone does not keep the rest unsaved.

    Raises ConfigurationError where none can be found: then it is not the machines that are wrong.
    """
    try:
        return {machine.host: machine for machine in provider.find(hosts)}, {}
    except ConfigurationError:
        found: dict[str, Machine] = {}
        lost: dict[str, DrillbookError] = {}
        for host in hosts:
            try:
                found[host] = provider.find((host,))[0]
            except ConfigurationError as error:
                lost[host] = error
        if not found:
            raise
        return found, lost


def one_for_each(
    found: Mapping[str, Sequence[_Found]], hosts: Sequence[str], *, noun: str, where: str, remedy: str, unseen: str = ""
) -> tuple[_Found, ...]:
    """Return the one that was found for each host, in their order; ``noun`` is what a provider calls a machine.

    Raises ConfigurationError that says of which hosts there is none, or more than one. ``unseen`` is what may be missing there.
    """
    faults = [
        f"{host}: " + (f"{len(found[host])} {noun}s have this name" if found.get(host) else f"no {noun} has this name")
        for host in hosts
        if len(found.get(host, ())) != 1
    ]
    if faults:
        raise ConfigurationError("; ".join(faults) + unseen, where=where, remedy=remedy)
    return tuple(found[host][0] for host in hosts)
