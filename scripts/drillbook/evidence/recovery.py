"""What a crash in the middle of an append leaves behind, and how the next append finishes it.

Written in this order: ``.N.json.part``, ``.N.sig.part``, (anchor), ``N.sig``, ``N.json``. So a crash leaves one of

- parts that don't hold a whole, signed entry: nothing was promised to anyone; they are removed;
- both parts, whole and signed: the anchor may have the entry already; it is put in place;
- ``N.sig`` with the entry still a part: it is put in place;

and never a signature without its entry or the part of it. That is a removed entry, and is refused.
"""

from pathlib import Path

from drillbook.errors import EvidenceError
from drillbook.evidence.chain import load_chain, scan
from drillbook.evidence.entries import FIRST_PREVIOUS, Entry, parse_entry
from drillbook.evidence.files import move_durably, read_bytes
from drillbook.evidence.signature import Verifier


def stage_path(directory: Path, name: str) -> Path:
    """Where a file is kept until it is put in place."""
    return directory / f".{name}.part"


def finish_interrupted(directory: Path, verifier: Verifier) -> None:
    """Bring the directory to a state without parts. Raises EvidenceError if no crash explains what is there."""
    listing = scan(directory)
    if not listing.staged and listing.entries == listing.signatures:
        return
    if listing.staged:
        entry = _whole_entry(directory, listing.staged, verifier)
        chain = load_chain(directory, listing.entries)
        if entry and _extends(entry, chain):
            put_in_place(directory, entry)
        discard(directory)
    listing = scan(directory)
    if listing.entries != listing.signatures:
        odd = min(set(listing.entries) ^ set(listing.signatures))
        missing = "signature" if odd in listing.entries else "entry"
        raise EvidenceError(
            f"The {missing} {odd} is missing; a crash can't leave this",
            where=str(directory),
            remedy="Run `drillbook evidence verify` and restore the file from the anchor",
        )


def discard(directory: Path) -> None:
    """Remove parts that were never put in place."""
    for name in scan(directory).staged:
        (directory / name).unlink(missing_ok=True)


def _whole_entry(directory: Path, staged: tuple[str, ...], verifier: Verifier) -> Entry | None:
    """The one staged entry that is complete and signed, if there is one."""
    for name in staged:
        if not name.endswith(".json.part"):
            continue
        final = name.removeprefix(".").removesuffix(".json.part")
        content = read_bytes(directory / name)
        candidates = (directory / f"{final}.sig", stage_path(directory, f"{final}.sig"))
        signatures = [read_bytes(path) for path in candidates if path.is_file()]
        if any(verifier.is_signed(content, signature) for signature in signatures):
            entry = parse_entry(content, where=f"{directory}/{name}")
            return entry if entry.name == final else None
    return None


def _extends(entry: Entry, chain: list[Entry]) -> bool:
    follows = chain[-1].sha256 if chain else FIRST_PREVIOUS
    return entry.sequence == len(chain) + 1 and entry.previous_sha256 == follows


def put_in_place(directory: Path, entry: Entry) -> None:
    """Give the staged files their names, the entry last: a reader never sees an entry without its signature."""
    for ending in ("sig", "json"):
        staged = stage_path(directory, f"{entry.name}.{ending}")
        if staged.exists():
            move_durably(staged, directory / f"{entry.name}.{ending}")
