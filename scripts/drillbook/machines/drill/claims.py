"""Which identifiers a run has taken for its machines: each stands in the ledger before anything is made of it."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from drillbook.errors import InfrastructureError, TakenError
from drillbook.journal.ledger import Ledger, machine_resource
from drillbook.model import Claim, Machine
from drillbook.providers import DrillMachines

CLAIMS = 10
"""How often an identifier that somebody else was faster with is replaced by another one."""


class Claimant(Protocol):
    """Whoever makes machines: a run, or a question that needs one."""

    @property
    def run_id(self) -> str:
        """What its machines are marked with."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where they are written down before they are made."""
        ...


class Claims:
    """One claim for each host; safe to be used by the threads that make the machines."""

    def __init__(self, provider: DrillMachines, run: Claimant) -> None:
        self._provider = provider
        self._run = run
        self._claims: dict[str, Claim] = {}
        self._tried: set[str] = set()
        self._lock = Lock()

    def take(self, host: str) -> None:
        """Choose an identifier that nobody has, as it seems, and write it down."""
        with self._lock:
            claim = self._provider.claim(host, self._run.run_id, frozenset(self._tried))
            if claim.identifier:
                self._tried.add(claim.identifier)
            self._run.ledger.intend(machine_resource(claim))
            self._claims[host] = claim

    def made(self, host: str, make: Callable[[Claim], Machine]) -> Machine:
        """Make the host's machine by its claim, and by another one where TakenError says that somebody else was faster."""
        for _attempt in range(CLAIMS):
            claim = self._claims[host]
            try:
                return make(claim)
            except TakenError:
                self._take_another(claim)
        raise InfrastructureError(
            f"{CLAIMS} times somebody else was faster with the name",
            where=f"{host} at {self._claims[host].provider}",
            remedy="Keep others out of the drill's range.",
        )

    def _take_another(self, lost: Claim) -> None:
        """Give up an identifier that is somebody else's: nothing was made of it, so nothing is to be removed."""
        with self._lock:
            self._run.ledger.settle(machine_resource(lost))
        self.take(lost.host)
