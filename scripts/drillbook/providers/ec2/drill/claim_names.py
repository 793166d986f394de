"""What a drill's claims are called, and the tags by which what it made is known."""

import hashlib
import re
from collections.abc import Collection
from itertools import count

from drillbook.errors import RefusedError
from drillbook.model import Claim
from drillbook.providers.ec2.tags import as_tags

NAME_TAG = "Name"
RUN_TAG = "drillbook:run"


def name_for(host: str, run_id: str, taken: Collection[str]) -> str:
    """A digest of the run's id and the host; a number behind it where that name was lost."""
    first = f"{_prefix(run_id)}{host}"
    names = (first if number == 1 else f"{first}-{number}" for number in count(1))
    return next(name for name in names if name not in taken)


def refuse_foreign_name(claim: Claim, provider: str) -> None:
    """Raise RefusedError unless the claim's identifier is one that this run would give to this host, whatever the ledger says."""
    own = f"{re.escape(_prefix(claim.run_id))}{re.escape(claim.host)}(-[0-9]+)?"
    if claim.provider != provider or not claim.run_id or not claim.host or not re.fullmatch(own, claim.identifier):
        raise RefusedError(
            f"{claim.identifier} is no name that a drill's run gives: left alone",
            where=f"{claim.provider}, {claim.host}, run {claim.run_id or '(none)'}",
            remedy="Look at what wrote that into the ledger; remove by hand what is a drill's.",
        )


def tags_for(claim: Claim) -> list[dict[str, str]]:
    """As EC2 takes them in the call that makes something."""
    return as_tags({NAME_TAG: claim.identifier, RUN_TAG: claim.run_id})


def filters_for(identifier: str) -> list[dict[str, object]]:
    """Everything that has this name, whoever made it."""
    return [{"Name": f"tag:{NAME_TAG}", "Values": [identifier]}]


def token_for(claim: Claim, what: str) -> str:
    """The client token of one thing of a claim: asked for again, it is not made again. At most 64 characters."""
    return hashlib.sha256(f"{claim.run_id} {claim.identifier} {what}".encode()).hexdigest()


def _prefix(run_id: str) -> str:
    return f"drillbook-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}-"
