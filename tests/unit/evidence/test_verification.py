"""Each way to change a log is found, and said by its name."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drillbook.errors import EvidenceError
from drillbook.evidence import AnchoredObject, AnchorUnavailableError, DirectoryAnchor, EvidenceLog, Signer, verify_log
from drillbook.evidence.entries import make_entry, parse_entry
from drillbook.evidence.verdict_check import contradictions

Verify = Callable[..., set[str]]
ALL = ("json", "sig")


@pytest.fixture
def verify(directory: Path, signer: Signer, anchor: DirectoryAnchor) -> Verify:
    """Kinds of what is found; with the anchor unless told otherwise."""

    def run(*, anchored: bool = True, expect_head: str | None = None) -> set[str]:
        report = verify_log(directory, signer.public_key_pem(), anchor if anchored else None, expect_head)
        assert report.ok == (not report.findings)
        assert all(str(finding).strip() and finding.remedy for finding in report.findings)
        return {finding.kind for finding in report.findings}

    return run


@pytest.fixture
def head(good_log: Path) -> str:
    return parse_entry((good_log / "000004-closed.json").read_bytes(), where="head").sha256


def remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        path.unlink()


def resign(path: Path, content: bytes, signer: Signer) -> None:
    """What the owner of the key can do: change an entry and sign it anew."""
    path.write_bytes(content)
    path.with_suffix(".sig").write_bytes(signer.sign(content))


def test_a_good_log_is_ok(good_log: Path, verify: Verify, signer: Signer, anchor: DirectoryAnchor, head: str) -> None:
    report = verify_log(good_log, signer.public_key_pem().decode(), anchor)
    assert (report.ok, report.head, report.entries, report.anchored) == (True, head, 4, True)
    assert verify(expect_head=f" {head.upper()}\n") == set()


def test_without_anchor_the_tail_is_not_anchored(good_log: Path, verify: Verify, head: str) -> None:
    assert verify(anchored=False) == {"tail-not-anchored"}
    assert verify(anchored=False, expect_head=head) == set()


def test_verification_changes_nothing_and_works_on_a_copy(
    good_log: Path, signer: Signer, anchor: DirectoryAnchor, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in good_log.glob("[0-9p]*"):
        shutil.copy(path, copy)
    before = sorted(path.name for path in copy.iterdir())
    assert verify_log(copy, signer.public_key_pem(), anchor).ok
    assert sorted(path.name for path in copy.iterdir()) == before


@pytest.mark.parametrize("anchored", [True, False])
def test_edited_entry(good_log: Path, verify: Verify, anchored: bool) -> None:
    path = good_log / "000002-closed.json"
    path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))
    assert {"bad-signature", "broken-chain"} <= verify(anchored=anchored)


def test_entry_edited_and_signed_anew(good_log: Path, verify: Verify, signer: Signer) -> None:
    path = good_log / "000002-closed.json"
    resign(path, path.read_bytes().replace(b"PASS", b"FAIL"), signer)
    assert verify() == {"broken-chain", "anchor-differs"}


def test_newest_entry_edited_and_signed_anew(good_log: Path, verify: Verify, signer: Signer, head: str) -> None:
    path = good_log / "000004-closed.json"
    resign(path, path.read_bytes().replace(b"PASS", b"FAIL"), signer)
    assert verify() == {"anchor-differs"}
    assert verify(anchored=False, expect_head=head) == {"truncated"}


def test_deleted_in_the_middle(good_log: Path, verify: Verify, head: str) -> None:
    remove(good_log.glob("000002-*"))
    assert {"missing-entry", "broken-chain"} <= verify(anchored=False, expect_head=head)
    assert "missing-entry" in verify()


def test_entry_deleted_and_its_signature_left(good_log: Path, verify: Verify) -> None:
    (good_log / "000004-closed.json").unlink()
    assert "missing-entry" in verify(anchored=False)


def test_missing_signature(good_log: Path, verify: Verify) -> None:
    (good_log / "000002-closed.sig").unlink()
    assert "missing-signature" in verify(anchored=False)


def test_reordered(good_log: Path, verify: Verify) -> None:
    for ending in ALL:
        one, other, aside = (good_log / f"{name}.{ending}" for name in ("000002-closed", "000004-closed", "aside"))
        one.rename(aside)
        other.rename(one)
        aside.rename(other)
    assert {"renamed", "broken-chain"} <= verify(anchored=False)


@pytest.mark.parametrize("name", ["000004-closed-by-successor", "0000004-closed", "000009-closed"])
def test_renamed(good_log: Path, verify: Verify, name: str) -> None:
    for ending in ALL:
        (good_log / f"000004-closed.{ending}").rename(good_log / f"{name}.{ending}")
    assert "renamed" in verify(anchored=False)


def test_duplicate_sequence(good_log: Path, verify: Verify, signer: Signer) -> None:
    original = parse_entry((good_log / "000004-closed.json").read_bytes(), where="x")
    double = make_entry(
        sequence=4,
        kind="closed-by-successor",
        run_id=original.run_id,
        written_at=original.written_at,
        previous_sha256=original.previous_sha256,
        body={"drill": "nightly"},
    )
    resign(good_log / f"{double.name}.json", double.content, signer)
    assert {"duplicate-sequence", "run-order"} == verify(anchored=False) - {"tail-not-anchored"}


def test_truncated_tail(good_log: Path, verify: Verify, head: str) -> None:
    remove([*good_log.glob("000003-*"), *good_log.glob("000004-*")])
    assert verify() == {"truncated"}
    assert verify(anchored=False, expect_head=head) == {"truncated"}
    assert verify(anchored=False) == {"tail-not-anchored"}


def test_truncated_and_continued(
    good_log: Path, verify: Verify, make_log: Callable[..., EvidenceLog], head: str
) -> None:
    remove([*good_log.glob("000003-*"), *good_log.glob("000004-*")])
    make_log().append("opened", "run-9", {})
    make_log().append("closed", "run-9", {})
    assert verify() == {"anchor-differs"}
    assert verify(anchored=False, expect_head=head) == {"truncated"}


def test_grown_since_the_head_was_noted(
    good_log: Path, verify: Verify, make_log: Callable[..., EvidenceLog], head: str, anchor: DirectoryAnchor
) -> None:
    make_log(anchor).append("opened", "run-3", {})
    make_log(anchor).append("closed", "run-3", {})
    assert verify(anchored=False, expect_head=head) == {"head-differs"}
    assert verify(expect_head=head) == set()


def test_not_anchored_yet(good_log: Path, verify: Verify, make_log: Callable[..., EvidenceLog]) -> None:
    make_log().append("opened", "run-3", {})
    make_log().append("closed", "run-3", {})
    assert verify() == {"not-anchored"}


def test_stranger_in_the_anchor(good_log: Path, verify: Verify, anchor: DirectoryAnchor) -> None:
    anchor.put("notes.txt", b"hello")
    assert verify() == {"anchor-changed"}


def test_anchor_that_was_changed_later(
    good_log: Path, signer: Signer, anchor: DirectoryAnchor, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = anchor.list()
    marked = (AnchoredObject(first.name, first.version, "someone deleted it"), *others)
    monkeypatch.setattr(anchor, "list", lambda: marked)
    report = verify_log(good_log, signer.public_key_pem(), anchor)
    assert [finding.kind for finding in report.findings] == ["anchor-changed"]


@pytest.mark.parametrize("method", ["list", "get"])
def test_anchor_that_cannot_be_read(
    good_log: Path, signer: Signer, anchor: DirectoryAnchor, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: object) -> None:
        raise AnchorUnavailableError("It is down", where="anchor", remedy="Repair it")

    monkeypatch.setattr(anchor, method, fail)
    report = verify_log(good_log, signer.public_key_pem(), anchor)
    assert {finding.kind for finding in report.findings} == {"anchor-unavailable"}
    assert not report.anchored


def test_wrong_key(good_log: Path, tmp_path: Path, anchor: DirectoryAnchor) -> None:
    other = Signer.load_or_create(tmp_path / "other.pem")
    report = verify_log(good_log, other.public_key_pem(), anchor)
    assert {finding.kind for finding in report.findings} == {"wrong-key", "bad-signature"}


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_key_beside_the_log_gone_or_changed(good_log: Path, verify: Verify, content: bytes | None) -> None:
    path = good_log / "public.pem"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert verify() == {"wrong-key"}


def test_open_run(
    good_log: Path, verify: Verify, make_log: Callable[..., EvidenceLog], anchor: DirectoryAnchor
) -> None:
    make_log(anchor).append("opened", "run-3", {})
    assert verify() == {"open-run"}


def test_unknown_schema(good_log: Path, verify: Verify, signer: Signer) -> None:
    path = good_log / "000004-closed.json"
    resign(path, path.read_bytes().replace(b"drillbook.entry/1", b"drillbook.entry/2"), signer)
    assert "unknown-schema" in verify(anchored=False)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[]\n", b"\xff\xfe", b"{"])
def test_bad_json(good_log: Path, verify: Verify, signer: Signer, content: bytes) -> None:
    resign(good_log / "000004-closed.json", content, signer)
    assert verify(anchored=False) & {"bad-json", "unknown-schema"}


@pytest.mark.parametrize("name", ["notes.txt", "000005-reopened.json", "5-opened.json", "000002-closed.json.orig"])
def test_garbage_file(good_log: Path, verify: Verify, name: str) -> None:
    (good_log / name).write_text("hello")
    assert verify() == {"unknown-file"}


def test_links_and_directories_are_no_entries(good_log: Path, verify: Verify, tmp_path: Path) -> None:
    path = good_log / "000004-closed.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    (good_log / "000007-opened.json").mkdir()
    assert {"unknown-file", "missing-entry"} <= verify(anchored=False)


def test_a_huge_number_is_one_finding(good_log: Path, verify: Verify, signer: Signer) -> None:
    (good_log / "999999999999999999-opened.json").write_text("{}")
    assert "missing-entry" in verify(anchored=False)


def test_part_of_an_append(good_log: Path, verify: Verify) -> None:
    (good_log / ".000005-opened.json.part").write_text("")
    assert verify() == {"unfinished-append"}


def test_empty_log(directory: Path, verify: Verify, anchor: DirectoryAnchor, tmp_path: Path) -> None:
    directory.mkdir()
    assert "empty-log" in verify(anchored=False)


def test_no_directory_is_an_error(directory: Path, verify: Verify) -> None:
    with pytest.raises(EvidenceError, match="can't be listed"):
        verify(anchored=False)


def test_unreadable_file(good_log: Path, verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        if path.name == "000002-closed.json":
            raise EvidenceError("Input/output error", where=str(path), remedy="Replace the disk")
        return path.read_bytes()

    monkeypatch.setattr("drillbook.evidence.verification.read_bytes", fail)
    assert "unreadable" in verify(anchored=False)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bits_are_found_without_the_anchor(
    good_log: Path, signer: Signer, head: str, data: st.DataObject
) -> None:
    """One byte of one entry or signature, any change of it: the log alone says so."""
    path = data.draw(st.sampled_from(sorted(good_log.glob("0*"))))
    original = path.read_bytes()
    position = data.draw(st.integers(0, len(original) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(original[:position] + bytes([original[position] ^ flip]) + original[position + 1 :])
    try:
        report = verify_log(good_log, signer.public_key_pem(), None, head)
        assert {finding.kind for finding in report.findings} & {"bad-signature", "bad-json", "unknown-schema"}
        assert any(path.stem in finding.where for finding in report.findings)
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("key", ["drill", "service", "kind", "mode", "objectives", "plan_digest"])
def test_a_run_that_is_closed_as_another_is_found(
    verify: Verify, make_log: Callable[..., EvidenceLog], anchor: DirectoryAnchor, key: str
) -> None:
    """Signed, chained and in order: only the comparison with its opening tells that a drill's failure became another drill's."""
    body = {
        "drill": "nightly",
        "service": "main",
        "kind": "postgresql",
        "mode": "sandbox",
        "plan_digest": "a",
        "objectives": {},
    }
    log = make_log(anchor)
    log.append("opened", "run-9", body)
    log.append("closed-by-successor", "run-9", {**body, key: None})
    assert verify() == {"not-its-opening"}


def failed_check(record: dict[str, Any]) -> None:
    record["checks"][0]["status"] = "failed"


def skipped_check(record: dict[str, Any]) -> None:
    record["checks"][0]["status"] = "skipped"


def unknown_check(record: dict[str, Any]) -> None:
    record["checks"][0]["status"] = "fine"


def no_checks(record: dict[str, Any]) -> None:
    record["checks"] = "none"


def no_tracks(record: dict[str, Any]) -> None:
    record["tracks"] = []


def missed_rto(record: dict[str, Any]) -> None:
    record["tracks"][0]["rto"]["met"] = False


def missed_rpo(record: dict[str, Any]) -> None:
    record["tracks"][0]["rpo"]["met"] = False


def late(record: dict[str, Any]) -> None:
    record["tracks"][0]["rto"]["actual_seconds"] = 300.01


def unknown_loss(record: dict[str, Any]) -> None:
    record["tracks"][0]["rpo"]["actual_seconds"] = None


def with_error(record: dict[str, Any]) -> None:
    record["error"] = {"message": "x"}


def failed_without_a_cause(record: dict[str, Any]) -> None:
    record["verdict"] = "FAIL"


SPOILED = [
    failed_check,
    skipped_check,
    unknown_check,
    no_checks,
    no_tracks,
    missed_rto,
    missed_rpo,
    late,
    unknown_loss,
    with_error,
    failed_without_a_cause,
]


@pytest.mark.parametrize("spoil", [None, *SPOILED])
def test_a_verdict_that_its_own_record_contradicts_is_found(
    directory: Path,
    verify: Verify,
    make_log: Callable[..., EvidenceLog],
    anchor: DirectoryAnchor,
    record_2: dict[str, Any],
    spoil: Callable[[dict[str, Any]], None] | None,
) -> None:
    """Signed, chained, in order, and of its opening: only the figures tell."""
    if spoil is not None:
        spoil(record_2)
    bound = ("drill", "trigger", "mode", "plan_digest", "config_digest")
    tracks = [{key: track[key] for key in ("service", "kind", "target", "objectives")} for track in record_2["tracks"]]
    log = make_log(anchor)
    log.append("opened", "run-9", {**{key: record_2[key] for key in bound}, "tracks": tracks})
    log.append("closed", "run-9", record_2)
    assert verify() == (set() if spoil is None else {"not-its-figures"})


@pytest.mark.parametrize("verdict", ["ERROR", "BLOCKED"])
def test_what_could_not_be_carried_out_contradicts_nothing(record_2: dict[str, Any], verdict: str) -> None:
    assert contradictions({**record_2, "error": {"message": "x"}, "verdict": verdict}) == ()
    assert contradictions({**record_2, "verdict": verdict}) != ()


def test_a_lock_that_is_a_link_is_no_traceback(good_log: Path, signer: Signer) -> None:
    (good_log / ".lock").unlink(missing_ok=True)
    (good_log / ".lock").symlink_to(good_log / "000001-opened.json")
    with pytest.raises(EvidenceError, match="can't be locked"):
        verify_log(good_log, signer.public_key_pem())
