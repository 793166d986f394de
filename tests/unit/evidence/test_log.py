"""Appending: gapless, refused on a broken log, finished after a crash, and caught up with the anchor."""

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from drillbook.errors import EvidenceError
from drillbook.evidence import (
    AnchorConflictError,
    AnchoredObject,
    AnchorUnavailableError,
    DirectoryAnchor,
    EvidenceLog,
    Signer,
    noted_anchored,
    verify_log,
)
from drillbook.evidence import files as durable

MakeLog = Callable[..., EvidenceLog]


class BrokenAnchor:
    """An anchor that is down until it is repaired."""

    def __init__(self, inner: DirectoryAnchor) -> None:
        self.inner = inner
        self.broken = True
        self.puts: list[str] = []

    @property
    def label(self) -> str:
        return self.inner.label

    def put(self, name: str, content: bytes) -> None:
        if self.broken:
            raise AnchorUnavailableError("It is down", where="anchor", remedy="Repair it")
        self.puts.append(name)
        self.inner.put(name, content)

    def list(self) -> tuple[AnchoredObject, ...]:
        return self.inner.list()

    def get(self, item: AnchoredObject) -> bytes:
        return self.inner.get(item)


class Crash(BaseException):
    """What SIGKILL is to the code under test: no handler runs."""


def test_entries_are_chained_and_signed(make_log: MakeLog, directory: Path, signer: Signer) -> None:
    log = make_log()
    first = log.append("opened", "run-1", {})
    second = log.append("closed", "run-1", {"verdict": "PASS"})
    assert (first.sequence, first.previous_sha256) == (1, "0" * 64)
    assert (second.sequence, second.previous_sha256) == (2, first.sha256)
    assert log.entries() == [first, second]
    assert sorted(path.name for path in directory.iterdir() if not path.name.startswith(".")) == [
        "000001-opened.json",
        "000001-opened.sig",
        "000002-closed.json",
        "000002-closed.sig",
        "public.pem",
    ]
    assert verify_log(directory, signer.public_key_pem(), expect_head=second.sha256).ok


def test_no_log_has_no_entries_and_no_open_runs(make_log: MakeLog, directory: Path) -> None:
    assert make_log().entries() == []
    assert make_log().open_runs() == []
    assert make_log().anchor_pending() == []
    assert not directory.exists()


def test_open_runs_are_the_unclosed_ones(make_log: MakeLog) -> None:
    log = make_log()
    for run in ("a", "b", "c"):
        log.append("opened", run, {})
    log.append("closed", "b", {})
    log.append("closed-by-successor", "a", {})
    assert log.open_runs() == ["c"]


@pytest.mark.parametrize(("kind", "run"), [("opened", "a"), ("opened", "b"), ("closed", "a"), ("closed", "z")])
def test_wrong_order_is_refused(make_log: MakeLog, kind: str, run: str) -> None:
    log = make_log()
    log.append("opened", "a", {})
    log.append("closed", "a", {})
    log.append("opened", "b", {})
    with pytest.raises(EvidenceError, match="can't be"):
        log.append(kind, run, {})  # type: ignore[arg-type]  # parametrized strings are kinds
    assert len(log.entries()) == 3


@pytest.mark.parametrize(
    "name", ["000001-opened.json", "000002-closed.json", "000004-closed.json", "000004-closed.sig"]
)
def test_a_changed_log_is_not_extended(good_log: Path, make_log: MakeLog, name: str) -> None:
    content = bytearray((good_log / name).read_bytes())
    content[len(content) // 2] ^= 1
    (good_log / name).write_bytes(content)
    with pytest.raises(EvidenceError) as caught:
        make_log().append("opened", "run-3", {})
    assert caught.value.remedy
    assert not list(good_log.glob("000005*"))


@pytest.mark.parametrize("name", ["000001-opened.json", "000002-closed.sig", "000004-closed.json", "000004-closed.sig"])
def test_a_log_with_a_file_gone_is_not_extended(good_log: Path, make_log: MakeLog, name: str) -> None:
    (good_log / name).unlink()
    with pytest.raises(EvidenceError):
        make_log().append("opened", "run-3", {})


def test_another_key_is_refused(good_log: Path, tmp_path: Path) -> None:
    other = Signer.load_or_create(tmp_path / "other.pem")
    with pytest.raises(EvidenceError, match="another key"):
        EvidenceLog(good_log, other, lambda: datetime.now(UTC)).append("opened", "run-3", {})


def test_a_body_that_json_cannot_say_leaves_nothing(make_log: MakeLog, directory: Path) -> None:
    with pytest.raises(EvidenceError):
        make_log().append("opened", "run-1", {"a": float("nan")})
    assert [path.name for path in directory.iterdir() if path.suffix != ".lock"] == ["public.pem"] or not list(
        directory.glob("0*")
    )


def test_a_held_lock_is_a_clear_error(directory: Path, signer: Signer) -> None:
    directory.mkdir()
    log = EvidenceLog(directory, signer, lambda: datetime.now(UTC), lock_timeout=timedelta(milliseconds=50))
    with FileLock(directory / ".lock"), pytest.raises(EvidenceError, match="holds the evidence log"):
        log.append("opened", "run-1", {})


def _append_ten(directory: Path, key: Path, name: str) -> None:
    log = EvidenceLog(directory, Signer.load_or_create(key), lambda: datetime.now(UTC))
    for number in range(10):
        log.append("opened", f"{name}-{number}", {})


def test_processes_at_once_make_one_gapless_chain(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "signing.pem"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_ten, args=(directory, key, name)) for name in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    signer = Signer.load_or_create(key)
    entries = EvidenceLog(directory, signer, lambda: datetime.now(UTC)).entries()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert [entry.sequence for entry in entries] == list(range(1, 31))
    kinds = {finding.kind for finding in verify_log(directory, signer.public_key_pem()).findings}
    assert kinds == {"open-run", "tail-not-anchored"}


@pytest.mark.parametrize("step", range(9))
def test_a_crash_at_any_step_is_finished_by_the_next_append(
    good_log: Path,
    make_log: MakeLog,
    anchor: DirectoryAnchor,
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """Each durable operation in turn is the last one that happens; whatever was promised to the anchor survives."""
    done = 0

    def crashing(real: Callable[..., object]) -> Callable[..., object]:
        def run(*args: object, **options: object) -> object:
            nonlocal done
            if done == step:
                raise Crash
            done += 1
            return real(*args, **options)

        return run

    with monkeypatch.context() as patch:
        for module in ("log", "recovery", "anchor", "files"):
            for name in ("write_durably", "move_durably", "create_exclusively", "replace_durably"):
                patch.setattr(f"drillbook.evidence.{module}.{name}", crashing(getattr(durable, name)), raising=False)
        with pytest.raises(Crash):
            make_log(anchor).append("opened", "run-3", {})
    kinds = {finding.kind for finding in verify_log(good_log, signer.public_key_pem(), anchor).findings}
    assert kinds <= {"unfinished-append", "missing-entry", "truncated", "not-anchored", "open-run"}

    log = make_log(anchor)
    kept = log.open_runs() == ["run-3"]
    if not kept:
        log.append("opened", "run-3", {})
    closed = log.append("closed-by-successor", "run-3", {})
    assert closed.sequence == 6
    report = verify_log(good_log, signer.public_key_pem(), anchor, closed.sha256)
    assert report.findings == ()
    assert report.anchored


def test_a_part_that_was_cut_short_is_removed(good_log: Path, make_log: MakeLog, anchor: DirectoryAnchor) -> None:
    (good_log / ".000005-opened.json.part").write_bytes(b'{\n  "bo')
    (good_log / ".000005-opened.sig.part").write_bytes(b"")
    assert make_log(anchor).append("opened", "run-3", {}).sequence == 5
    assert not list(good_log.glob(".*.part"))


def test_without_an_anchor_it_is_neither_anchored_nor_not(make_log: MakeLog) -> None:
    assert make_log().append("opened", "run-1", {}).anchored is None


def test_an_anchor_that_is_down_is_caught_up_with_in_order(
    make_log: MakeLog, anchor: DirectoryAnchor, directory: Path, signer: Signer
) -> None:
    broken = BrokenAnchor(anchor)
    log = make_log(broken)
    opened = log.append("opened", "run-1", {})
    assert opened.anchored is False
    assert "It is down" in str(opened.anchor_problem)
    with pytest.raises(AnchorUnavailableError):
        log.anchor_pending()
    broken.broken = False
    closed = log.append("closed", "run-1", {})
    assert closed.anchored is True
    assert broken.puts == ["000001-opened.sig", "000001-opened.json", "000002-closed.sig", "000002-closed.json"]
    assert verify_log(directory, signer.public_key_pem(), anchor).ok
    assert log.anchor_pending() == []


def test_anchor_pending_puts_what_is_missing(make_log: MakeLog, anchor: DirectoryAnchor) -> None:
    make_log().append("opened", "run-1", {})
    make_log().append("closed", "run-1", {})
    assert [entry.name for entry in make_log(anchor).anchor_pending()] == ["000001-opened", "000002-closed"]
    assert len(anchor.list()) == 4


@pytest.mark.parametrize("note", ["nonsense", None, "0", "4", "99999"])
@pytest.mark.parametrize("missing", [[], ["000001-opened"], ["000002-closed", "000003-opened"]])
def test_a_lost_or_lying_note_of_what_is_anchored_is_not_believed(
    good_log: Path, make_log: MakeLog, anchor: DirectoryAnchor, signer: Signer, note: str | None, missing: list[str]
) -> None:
    """The anchor itself is asked what it lacks; the note only counts where it can't be read."""
    held = Path(anchor.label.removeprefix("file://"))
    for name in missing:
        (held / f"{name}.json").unlink()
    if note is None:
        (good_log / ".anchored").unlink()
    elif note.isdecimal():
        said = {"schema": "drillbook.anchored/1", "anchor": anchor.label, "sequence": int(note)}
        (good_log / ".anchored").write_text(json.dumps(said))
    else:
        (good_log / ".anchored").write_text(note)
    assert [entry.name for entry in make_log(anchor).anchor_pending()] == missing
    assert verify_log(good_log, signer.public_key_pem(), anchor).ok
    assert noted_anchored(good_log, anchor, 99) == 4


def test_a_cut_log_is_not_extended_over_its_anchor(good_log: Path, make_log: MakeLog, anchor: DirectoryAnchor) -> None:
    for path in (*good_log.glob("000003-*"), *good_log.glob("000004-*")):
        path.unlink()
    with pytest.raises(AnchorConflictError):
        make_log(anchor).append("opened", "run-3", {})
    assert not list(good_log.glob("*000003*")), "what the anchor refused is not kept here either"
