"""Removes what a ledger names, newest first; used by the run itself and by its successor."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

from drillbook import process
from drillbook.concurrently import concurrently
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.journal.ledger import Ledger, Resource, ResourceKind
from drillbook.model import Claim


class MachineRemover(Protocol):
    """Removes machines that a provider made."""

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove what is claimed; raises DrillbookError, and touches nothing that is not the claiming run's."""
        ...


@dataclass(frozen=True, slots=True)
class Removers:
    """Who removes machines, each within ``timeout``, ``at_once`` of them side by side."""

    machines: MachineRemover
    timeout: timedelta
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class _Machine:
    host: str
    resource: Resource


def batches(resources: Iterable[Resource]) -> Iterator[tuple[Resource, ...]]:
    """What can be removed together, in the order that they have: machines that follow each other, all else one by one."""
    for machines, found in groupby(resources, key=lambda resource: resource.kind is ResourceKind.MACHINE):
        if machines:
            yield tuple(found)
        else:
            yield from ((resource,) for resource in found)


def remove_together(resources: Sequence[Resource], *, run_id: str, ledger: Ledger, removers: Removers) -> None:
    """Remove a batch; all of it is tried before the first DrillbookError is raised."""
    if len(resources) == 1:
        remove(resources[0], run_id=run_id, ledger=ledger, removers=removers)
        return
    outcomes = concurrently(
        [_Machine(resource.name, resource) for resource in resources],
        lambda one: remove(one.resource, run_id=run_id, ledger=ledger, removers=removers),
        removers.at_once,
    )
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def remove(resource: Resource, *, run_id: str, ledger: Ledger, removers: Removers) -> None:
    """Remove one resource and settle it in the ledger; raises DrillbookError when it can't be removed.

    A process is killed only if number, start time and boot are the ones written down; a file only inside the run's
    directory; a machine by its provider, which checks that it carries this run's mark and stands in the drill range. A machine
    claimed for another run is never touched.
    """
    if resource.kind is ResourceKind.PROCESS:
        process.kill(resource.process)
    elif resource.kind is ResourceKind.FILE:
        _remove_file(Path(resource.name), ledger.path.parent)
    elif resource.kind is ResourceKind.MACHINE:
        _refuse_without_claim(resource, ledger)
        _refuse_other_run(resource.claim, run_id, ledger)
        removers.machines.destroy(resource.claim, removers.timeout)
    ledger.settle(resource)


def _refuse_without_claim(resource: Resource, ledger: Ledger) -> None:
    if "provider" not in resource.details:
        raise RefusedError(
            f"an earlier version of drillbook made {resource.name} by a playbook, which is gone",
            where=str(ledger.path),
            remedy=f"Remove {resource.name} by hand, and then the directory of that run.",
        )


def _refuse_other_run(claim: Claim, run_id: str, ledger: Ledger) -> None:
    if claim.run_id != run_id:
        raise RefusedError(
            f"the ledger names {claim.identifier or claim.host} of the run {claim.run_id}: left alone",
            where=str(ledger.path),
            remedy="Look at what wrote that there.",
        )


def _remove_file(path: Path, inside: Path) -> None:
    if Path(os.path.realpath(inside)) not in Path(os.path.realpath(path)).parents:
        raise InfrastructureError(
            f"the ledger names {path}, which is outside its run's directory",
            where=str(inside),
            remedy="Remove it by hand.",
        )
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
