"""Whether a podman network is fit for a drill's machines."""

import json
from collections.abc import Collection

from drillbook.errors import ConfigurationError, RefusedError
from drillbook.providers.lab.podman import Podman, said


def refuse_unless_isolated(podman: Podman, network: str, production: Collection[str]) -> None:
    """Raise RefusedError unless it has no way out, resolves no names, and is none that the machine itself is on."""
    done = podman.attempt("network", "inspect", network)
    if done.returncode != 0:
        raise ConfigurationError(
            f"podman knows no such network: {said(done)}",
            where=f"drillbook_providers, {podman.place.name}, drill.network",
            remedy="Name the lab's sandbox network, and bring the lab up.",
        )
    (found,) = json.loads(done.stdout)
    faults = {
        "it has a way out (it is not internal)": not found["internal"],
        "its DNS resolves outside names": found["dns_enabled"],
        "the machine that the backup is of is on it": network in production,
    }
    said_of_it = [fault for fault, is_so in faults.items() if is_so]
    if said_of_it:
        raise RefusedError(
            f"{network} is not isolated: {'; '.join(said_of_it)}",
            where=f"drillbook_providers, {podman.place.name}, drill.network",
            remedy="Name an internal network without DNS that no machine of production is on; nothing was made.",
        )
