"""Reads a log without changing anything, and says whether a public key vouches for what was read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drillbook.errors import EvidenceError
from drillbook.evidence.chain import load_chain, open_runs, scan
from drillbook.evidence.entries import JSON, Entry, parse_entry
from drillbook.evidence.files import read_bytes
from drillbook.evidence.signature import Verifier


@dataclass(frozen=True, slots=True)
class Reading:
    """The entries of a log, oldest first.

    ``doubt`` says why nothing vouches for them; it is empty where the newest entry is signed by the key, because the links lead from
    its exact bytes to every other. ``refuted`` tells a wrong signature from a key that was not at hand. An end that was cut off
    does not show here: `verify_log` finds it.
    """

    entries: tuple[Entry, ...] = ()
    doubt: str = ""
    refuted: bool = False

    @property
    def verified(self) -> bool:
        """The key vouches for each entry."""
        return not self.doubt

    @property
    def open_runs(self) -> tuple[str, ...]:
        """Runs that were opened and not closed, oldest first."""
        return tuple(open_runs(self.entries))

    def refuse_forged(self, where: Path) -> None:
        """Raise EvidenceError where the signature does not fit."""
        if self.refuted:
            raise EvidenceError(
                self.doubt, where=str(where), remedy="Run `drillbook evidence verify` to see what was changed"
            )


def read_log(directory: Path, public_key_pem: bytes | None, *, why_no_key: str = "no public key is at hand") -> Reading:
    """Read a log; of one that is not there the reading is empty. Raises EvidenceError where the chain of entries is broken, or where
    nobody vouches for an entry that this tool can't have written.

    Nothing is made, locked or finished: a reader needs no right to write, and no private key.
    """
    if not directory.exists():
        return Reading()
    entries = tuple(load_chain(directory, scan(directory).entries))
    if not entries:
        return Reading()
    if public_key_pem is None:
        return Reading(_exact(entries), why_no_key)
    newest, verifier = entries[-1], Verifier(public_key_pem)
    try:
        signed = verifier.is_signed(newest.content, read_bytes(directory / f"{newest.name}.sig"))
    except EvidenceError:
        signed = False
    if signed:
        return Reading(entries)
    return Reading(_exact(entries), f"the newest entry, {newest.name}, is not signed by the key given", refuted=True)


def newest_signature(directory: Path) -> tuple[str, bytes] | None:
    """File name and content of the signature of the newest entry; None in an empty log. Raises EvidenceError where it is gone."""
    names = scan(directory).entries if directory.exists() else ()
    return (f"{names[-1]}.sig", read_bytes(directory / f"{names[-1]}.sig")) if names else None


def _exact(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """What no key vouches for may hold doubled keys, or what is no JSON: it is shown only if this tool could have written it."""
    for entry in entries:
        parse_entry(entry.content, where=f"{entry.name}.json")
    return entries


def closed_records(reading: Reading) -> tuple[Mapping[str, JSON], ...]:
    """The records of all closed runs, oldest first."""
    return tuple(entry.body for entry in reading.entries if entry.kind != "opened")


def closing_of(entries: Iterable[Entry], run_id: str) -> Entry | None:
    """The entry that closed a run, ``last`` the newest; None where there is none."""
    found = [entry for entry in entries if entry.kind != "opened" and run_id in (entry.run_id, "last")]
    return found[-1] if found else None
