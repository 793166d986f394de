"""Finds those machines that there are."""

from collections.abc import Sequence

from drillbook.errors import ConfigurationError, DrillbookError
from drillbook.model import Machine
from drillbook.providers.protocols import Machines


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
