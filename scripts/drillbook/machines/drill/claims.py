"""Which identifiers a run has taken for its machines: each stands in the ledger before anything is made of it."""

from threading import Lock

from drillbook.journal.ledger import guest_resource
from drillbook.model import Claim
from drillbook.providers import Sandboxes
from drillbook.run.work import Run


class Claims:
    """One claim for each host; safe to be used by the threads that make the machines."""

    def __init__(self, provider: Sandboxes, run: Run) -> None:
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
            self._run.ledger.intend(guest_resource(claim))
            self._claims[host] = claim

    def take_another(self, lost: Claim) -> None:
        """Give up an identifier that somebody else was faster with: nothing was made of it, so nothing is to be removed."""
        with self._lock:
            self._run.ledger.settle(guest_resource(lost))
        self.take(lost.host)

    def of(self, host: str) -> Claim:
        """The host's claim."""
        return self._claims[host]
