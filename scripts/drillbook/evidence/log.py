"""The evidence log of one controller: appended under a lock, chained, signed, and anchored elsewhere."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from drillbook.errors import EvidenceError
from drillbook.evidence.anchor import Anchor, AnchorUnavailableError
from drillbook.evidence.chain import ANCHORED_NAME, LOCK_NAME, PUBLIC_KEY_NAME, load_chain, open_runs, scan
from drillbook.evidence.entries import FIRST_PREVIOUS, JSON, Entry, EntryKind, canonical_json, make_entry
from drillbook.evidence.files import ensure_directory, read_bytes, replace_durably, write_durably
from drillbook.evidence.recovery import discard, finish_interrupted, put_in_place, stage_path
from drillbook.evidence.signature import Signer, Verifier

_ANCHORED_SCHEMA = "drillbook.anchored/1"


class EvidenceLog:
    """Appends entries; refuses to extend a log that doesn't hold.

    An entry is staged, anchored, then put in place: its signature first, itself last. What a crash leaves between is
    finished by the next append (see ``recovery``). An anchor that can't be reached doesn't stop the entry: it is
    returned with ``anchored`` False, and this log catches up, in order, at the next append or ``anchor_pending``.
    """

    def __init__(
        self,
        directory: Path,
        signer: Signer,
        clock: Callable[[], datetime],
        anchor: Anchor | None = None,
        *,
        lock_timeout: timedelta = timedelta(minutes=3),
    ) -> None:
        self._directory = directory
        self._signer = signer
        self._verifier = Verifier(signer.public_key_pem())
        self._clock = clock
        self._anchor = anchor
        self._lock_timeout = lock_timeout

    def append(self, kind: EntryKind, run_id: str, body: Mapping[str, JSON]) -> Entry:
        """Add one entry. Raises EvidenceError if the log is broken, the run's order is wrong, or the anchor differs."""
        with self._locked():
            chain = self._sound_chain()
            self._refuse_wrong_order(chain, kind, run_id)
            entry = make_entry(
                sequence=len(chain) + 1,
                kind=kind,
                run_id=run_id,
                written_at=self._clock(),
                previous_sha256=chain[-1].sha256 if chain else FIRST_PREVIOUS,
                body=body,
            )
            signature = self._signer.sign(entry.content)
            write_durably(stage_path(self._directory, f"{entry.name}.json"), entry.content)
            write_durably(stage_path(self._directory, f"{entry.name}.sig"), signature)
            anchored, problem = None, None
            if self._anchor is not None:
                problem = self._try_to_anchor(self._anchor, [*chain, entry], signature)
                anchored = problem is None
            put_in_place(self._directory, entry)
            if self._anchor is not None and anchored:
                self._remember_anchored(self._anchor, entry.sequence)
            return replace(entry, anchored=anchored, anchor_problem=problem)

    def anchor_pending(self) -> list[Entry]:
        """Put into the anchor what it lacks, oldest first; returns those. Raises EvidenceError at the first failure."""
        if self._anchor is None or not self._directory.exists():
            return []
        with self._locked():
            chain = self._sound_chain()
            pending = self._pending(self._anchor, chain)
            for entry in pending:
                _put(self._anchor, entry, self._signature_of(entry))
            self._remember_anchored(self._anchor, len(chain))
            return [replace(entry, anchored=True) for entry in pending]

    def beside(self, directory: Path) -> "EvidenceLog":
        """A log of its own in another directory, with the same key and no anchor."""
        return EvidenceLog(directory, self._signer, self._clock, lock_timeout=self._lock_timeout)

    def entries(self) -> list[Entry]:
        """All entries, oldest first; none if there is no log yet. Raises EvidenceError if the chain is broken."""
        if not self._directory.exists():
            return []
        return load_chain(self._directory, scan(self._directory).entries)

    def opening(self, run_id: str) -> Mapping[str, JSON]:
        """Return what a run said when it was opened, from the signed entry; nothing if it was never opened."""
        if not self._directory.exists():
            return {}
        with self._locked():
            chain = self._sound_chain()
        return next((entry.body for entry in chain if entry.kind == "opened" and entry.run_id == run_id), {})

    def open_runs(self) -> list[str]:
        """Runs that were opened and not closed, oldest first; an append that a crash cut short is finished first."""
        if not self._directory.exists():
            return []
        with self._locked():
            return open_runs(self._sound_chain())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        ensure_directory(self._directory, mode=0o750)
        lock = FileLock(self._directory / LOCK_NAME, timeout=self._lock_timeout.total_seconds())
        try:
            lock.acquire()
        except Timeout as error:
            raise EvidenceError(
                "Another process holds the evidence log",
                where=str(self._directory),
                remedy="Wait for the other drill, or end it if it hangs; then try again",
            ) from error
        except OSError as error:
            raise EvidenceError(
                f"The evidence log can't be locked: {error.strerror or error}",
                where=str(self._directory),
                remedy="Run as the user that owns the log",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _sound_chain(self) -> list[Entry]:
        """The whole chain, proven: names, links, and the head's signature; an interrupted append is finished first."""
        self._publish_key()
        finish_interrupted(self._directory, self._verifier)
        chain = load_chain(self._directory, scan(self._directory).entries)
        if chain and not self._verifier.is_signed(chain[-1].content, self._signature_of(chain[-1])):
            raise EvidenceError(
                "The newest entry is not signed by this controller's key",
                where=f"{self._directory}/{chain[-1].name}.json",
                remedy="Run `drillbook evidence verify`; a log is extended only with the key that began it",
            )
        return chain

    def _publish_key(self) -> None:
        """Put the public key beside the entries; refuse a log that was begun with another key."""
        path = self._directory / PUBLIC_KEY_NAME
        if not path.exists() and not scan(self._directory).entries:
            replace_durably(path, self._signer.public_key_pem(), mode=0o644)
        elif not self._verifier.is_same_key(read_bytes(path)):
            raise EvidenceError(
                "This log was begun with another key",
                where=str(path),
                remedy="Give the key that signed it, or begin a new log in an empty directory",
            )

    def _refuse_wrong_order(self, chain: Sequence[Entry], kind: EntryKind, run_id: str) -> None:
        if kind == "opened":
            fits, why = all(entry.run_id != run_id for entry in chain), "was opened before"
        else:
            fits, why = run_id in open_runs(chain), "is not open"
        if not fits:
            raise EvidenceError(
                f"Run {run_id} can't be {kind}: it {why}",
                where=str(self._directory),
                remedy="A run is one `opened` and one closing entry; see `drillbook evidence list`",
            )

    def _try_to_anchor(self, anchor: Anchor, chain: Sequence[Entry], signature: bytes) -> str | None:
        """Anchor what is pending and then the newest entry, whose signature is not in place yet; returns why not."""
        *before, newest = chain
        try:
            for entry in self._pending(anchor, before):
                _put(anchor, entry, self._signature_of(entry))
            self._remember_anchored(anchor, len(before))
            _put(anchor, newest, signature)
        except AnchorUnavailableError as error:
            return str(error)
        except EvidenceError:
            discard(self._directory)
            raise
        return None

    def _signature_of(self, entry: Entry) -> bytes:
        return read_bytes(self._directory / f"{entry.name}.sig")

    def _pending(self, anchor: Anchor, chain: Sequence[Entry]) -> Sequence[Entry]:
        """What the anchor lacks: by its own word, and by the note of this log only where it can't be read."""
        try:
            held = {item.name for item in anchor.list()}
        except AnchorUnavailableError:
            return chain[noted_anchored(self._directory, anchor, len(chain)) :]
        return [entry for entry in chain if not {f"{entry.name}.json", f"{entry.name}.sig"} <= held]

    def _remember_anchored(self, anchor: Anchor, sequence: int) -> None:
        if noted_anchored(self._directory, anchor, sequence + 1) == sequence:
            return
        note: dict[str, JSON] = {"schema": _ANCHORED_SCHEMA, "anchor": anchor.label, "sequence": sequence}
        replace_durably(self._directory / ANCHORED_NAME, canonical_json(note))


def noted_anchored(directory: Path, anchor: Anchor, entries: int) -> int:
    """How many of a log's ``entries`` this anchor has, as the log noted it. Only a hint: nothing is proven by it."""
    try:
        noted = json.loads(read_bytes(directory / ANCHORED_NAME))
        if noted["schema"] == _ANCHORED_SCHEMA and noted["anchor"] == anchor.label:
            return max(0, min(int(noted["sequence"]), entries))
    except (EvidenceError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    return 0


def _put(anchor: Anchor, entry: Entry, signature: bytes) -> None:
    """The signature first: an entry in the anchor can always be checked there."""
    anchor.put(f"{entry.name}.sig", signature)
    anchor.put(f"{entry.name}.json", entry.content)
