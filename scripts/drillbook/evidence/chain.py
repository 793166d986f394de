"""The directory of a log: which files are there, and whether the entries form one unbroken chain."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drillbook.errors import EvidenceError
from drillbook.evidence.entries import ENTRY_NAME, FIRST_PREVIOUS, Entry, parse_entry
from drillbook.evidence.files import read_bytes

PUBLIC_KEY_NAME = "public.pem"
LOCK_NAME = ".lock"
ANCHORED_NAME = ".anchored"

_STAGED = re.compile(r"^\..+\.part\Z", re.DOTALL)
_BOOKKEEPING = frozenset({PUBLIC_KEY_NAME, LOCK_NAME, ANCHORED_NAME})
_VERIFY = "Run `drillbook evidence verify` to see what was changed; nothing is added to a log that doesn't hold"


@dataclass(frozen=True, slots=True)
class Listing:
    """The names found in a log directory, sorted; entries and signatures without their endings."""

    entries: tuple[str, ...]
    signatures: tuple[str, ...]
    staged: tuple[str, ...]
    unknown: tuple[str, ...]


def scan(directory: Path) -> Listing:
    """Sort the directory's names into what they are; raises EvidenceError if it can't be listed."""
    entries: list[str] = []
    signatures: list[str] = []
    staged: list[str] = []
    unknown: list[str] = []
    try:
        found = sorted(directory.iterdir(), key=lambda path: sequence_of(path.name))
        for path in found:
            regular = path.is_file() and not path.is_symlink()
            if regular and path.suffix in {".json", ".sig"} and ENTRY_NAME.match(path.stem):
                (entries if path.suffix == ".json" else signatures).append(path.stem)
            elif regular and path.name in _BOOKKEEPING:
                continue
            elif regular and _STAGED.match(path.name):
                staged.append(path.name)
            else:
                unknown.append(path.name)
    except OSError as error:
        raise EvidenceError(
            f"The evidence log can't be listed: {error.strerror}",
            where=str(directory),
            remedy="Name the directory that holds 000001-opened.json and public.pem",
        ) from error
    return Listing(tuple(entries), tuple(signatures), tuple(staged), tuple(unknown))


def sequence_of(name: str) -> tuple[int, str]:
    """Sort key of a file name: its number, then the name; names without a number come first."""
    match = re.match(r"^\.?(\d{1,18})-", name)
    return (int(match.group(1)) if match else 0, name)


def load_chain(directory: Path, names: Sequence[str]) -> list[Entry]:
    """Read all entries and check names, numbers and links; raises EvidenceError at the first break.

    Signatures are not checked here: whoever checks the head's has checked them all, because the links lead from the
    head's exact bytes to every entry before it.
    """
    chain: list[Entry] = []
    for name in names:
        where = f"{directory}/{name}.json"
        entry = parse_entry(read_bytes(directory / f"{name}.json"), where=where, exact=False)
        follows = chain[-1].sha256 if chain else FIRST_PREVIOUS
        if entry.name != name or entry.sequence != len(chain) + 1 or entry.previous_sha256 != follows:
            raise EvidenceError("The chain of entries is broken here", where=where, remedy=_VERIFY)
        chain.append(entry)
    return chain


def open_runs(chain: Sequence[Entry]) -> list[str]:
    """Runs that were opened and not closed, oldest first."""
    runs: dict[str, None] = {}
    for entry in chain:
        if entry.kind == "opened":
            runs[entry.run_id] = None
        else:
            runs.pop(entry.run_id, None)
    return list(runs)
