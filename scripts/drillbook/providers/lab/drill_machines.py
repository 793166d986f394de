"""The containers of the lab's drill range: their names, and their removal."""

import hashlib
import re
from collections.abc import Collection
from datetime import timedelta
from itertools import count

from drillbook.errors import InfrastructureError, RefusedError, TakenError
from drillbook.model import Claim
from drillbook.providers.lab.machines import DRILL_LABEL
from drillbook.providers.lab.podman import HOST_LABEL, LAB_LABEL, Podman, said

RUN_LABEL = "drillbook.run"


class LabDrillMachines:
    """Implements `DrillMachines`. A claim's identifier is the container's name.

    Whoever may use podman may do everything: only the refusals here bind the drill.
    """

    def __init__(self, podman: Podman) -> None:
        self._podman = podman

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """A name of the lab's prefix, a digest of the run's id, and the host."""
        name = f"{self._prefix()}{hashlib.sha256(run_id.encode()).hexdigest()[:8]}-{host}"
        names = (name if number == 1 else f"{name}-{number}" for number in count(1))
        chosen = next(candidate for candidate in names if candidate not in taken)
        return Claim(provider=self._podman.place.name, host=host, identifier=chosen, run_id=run_id)

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Remove the container by its id, once its name, labels and run are seen to be those of the claim."""
        self._refuse_foreign(claim)
        container = self._podman.inspect(claim.identifier)
        if container is None:
            return
        labels = container["Config"]["Labels"] or {}
        expected = {LAB_LABEL: self._podman.place.prefix, RUN_LABEL: claim.run_id, DRILL_LABEL: "true"}
        wrong = [f"{key} is {labels.get(key, '')!r}" for key, value in expected.items() if labels.get(key) != value]
        if wrong:
            raise RefusedError(
                f"it is not this run's: {', '.join(wrong)}", where=claim.identifier, remedy="Nothing was touched."
            )
        self._podman.remove(str(container["Id"]), timeout)

    def _create(self, claim: Claim, *arguments: str, timeout: timedelta) -> None:
        """Create the claimed container with its labels, stopped; raises TakenError where there is one of its name."""
        labels = {
            LAB_LABEL: self._podman.place.prefix,
            HOST_LABEL: claim.host,
            RUN_LABEL: claim.run_id,
            DRILL_LABEL: "true",
        }
        marks = [f"--label={key}={value}" for key, value in labels.items()]
        done = self._podman.attempt(
            "create", "--name", claim.identifier, "--pull=never", *marks, *arguments, timeout=timeout
        )
        if done.returncode != 0:
            if "is already in use" in done.stderr:
                raise TakenError(
                    "a container of this name is there", where=claim.identifier, remedy="Claim another name."
                )
            raise InfrastructureError(
                f"podman create failed: {said(done)}", where=claim.identifier, remedy="See docs/how-to/lab.md."
            )

    def _prefix(self) -> str:
        return f"{self._podman.place.prefix}-drill-"

    def _refuse_foreign(self, claim: Claim) -> None:
        ours = claim.provider == self._podman.place.name and claim.run_id
        if not ours or not re.fullmatch(rf"{re.escape(self._prefix())}[A-Za-z0-9_.-]+", claim.identifier):
            raise RefusedError(
                f"only containers called {self._prefix()}... that a run claims are a drill's",
                where=f"{claim.provider}, {claim.identifier}, run {claim.run_id or '(none)'}",
                remedy="Nothing was touched.",
            )
