"""Reading a log needs a public key and nothing else, changes nothing, and says whether the key vouches for what is shown."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drillbook.errors import EvidenceError
from drillbook.evidence import EvidenceLog, LogOnDemand, Signer, closing_of, read_log, render_html, render_text


def everything(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.iterdir()}


def edited(good_log: Path) -> None:
    path = good_log / "000004-closed.json"
    path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))


def without_signature(good_log: Path) -> None:
    edited(good_log)
    (good_log / "000004-closed.sig").unlink()


def doubled_key(good_log: Path) -> None:
    path = good_log / "000004-closed.json"
    path.write_bytes(path.read_bytes().replace(b'"verdict": "PASS"', b'"verdict": "PASS",\n    "verdict": "FAIL"'))


def not_a_number(good_log: Path) -> None:
    path = good_log / "000004-closed.json"
    path.write_bytes(path.read_bytes().replace(b'"PASS"', b"NaN"))


def of_a_stranger(good_log: Path) -> None:
    shutil.rmtree(good_log)
    forger = EvidenceLog(good_log, Signer.load_or_create(good_log.parent / "forged.pem"), lambda: datetime.now(UTC))
    forger.append("opened", "run-1", {})
    forger.append("closed", "run-1", {"verdict": "PASS"})


def test_a_good_log_is_verified_and_left_as_it_is(good_log: Path, signer: Signer) -> None:
    before = everything(good_log)
    reading = read_log(good_log, signer.public_key_pem())
    assert (len(reading.entries), reading.doubt, reading.verified) == (4, "", True)
    assert everything(good_log) == before


@pytest.mark.parametrize("spoil", [edited, without_signature, of_a_stranger])
def test_what_the_key_did_not_sign_is_not_verified(
    good_log: Path, signer: Signer, spoil: Callable[[Path], None]
) -> None:
    spoil(good_log)
    reading = read_log(good_log, signer.public_key_pem())
    assert reading.refuted
    assert not reading.verified
    with pytest.raises(EvidenceError, match="not signed by the key"):
        reading.refuse_forged(good_log)
    entry = closing_of(reading.entries, "last")
    assert entry is not None
    assert "not signed by the key" in render_html(entry.body, entry, doubt=reading.doubt)
    assert render_text(entry.body, doubt=reading.doubt).startswith("NOT VERIFIED: the newest entry")


@pytest.mark.parametrize("spoil", [doubled_key, not_a_number])
@pytest.mark.parametrize("with_key", [True, False])
def test_what_this_tool_cannot_have_written_is_not_shown(
    good_log: Path, signer: Signer, spoil: Callable[[Path], None], with_key: bool
) -> None:
    spoil(good_log)
    with pytest.raises(EvidenceError, match="JSON"):
        read_log(good_log, signer.public_key_pem() if with_key else None)


def test_an_older_entry_breaks_the_chain(good_log: Path, signer: Signer) -> None:
    path = good_log / "000002-closed.json"
    path.write_bytes(path.read_bytes().replace(b"PASS", b"FAIL"))
    with pytest.raises(EvidenceError, match="chain of entries is broken"):
        read_log(good_log, signer.public_key_pem())


def test_without_a_key_it_is_neither(good_log: Path) -> None:
    reading = read_log(good_log, None)
    assert (reading.verified, reading.refuted, len(reading.entries)) == (False, False, 4)


def test_no_log_is_nothing_to_doubt(directory: Path, signer: Signer) -> None:
    assert read_log(directory, signer.public_key_pem()).verified
    assert not directory.exists()


def on_demand(directory: Path, key: Path) -> LogOnDemand:
    return LogOnDemand(directory, key, lambda: datetime.now(UTC), lambda: None)


def test_only_the_first_entry_of_an_empty_log_makes_a_key(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "keys/signing.pem"
    log = on_demand(directory, key)
    assert (log.open_runs(), log.opening("run-1"), log.anchor_pending()) == ([], {}, [])
    log.prove_sound()
    assert not key.parent.exists()
    assert not directory.exists()
    log.append("opened", "run-1", {})
    key.unlink()
    for asked in (log.open_runs, log.anchor_pending, log.prove_sound, lambda: log.append("closed", "run-1", {})):
        with pytest.raises(EvidenceError, match="The signing key is gone"):
            asked()
    assert not key.exists()


def test_a_log_beside_it_has_its_key_or_a_new_one(directory: Path, tmp_path: Path) -> None:
    key = tmp_path / "signing.pem"
    log = on_demand(directory, key)
    log.append("opened", "run-1", {})
    public = Signer.load(key).public_key_pem()
    log.beside(tmp_path / "run-2/evidence").append("opened", "run-2", {})
    assert read_log(tmp_path / "run-2/evidence", public).verified
    key.chmod(0o644)
    log.beside(tmp_path / "run-3/evidence").append("opened", "run-3", {})
    assert read_log(tmp_path / "run-3/evidence", (tmp_path / "run-3/evidence/public.pem").read_bytes()).verified
    assert (tmp_path / "run-3/evidence.pem").stat().st_mode & 0o777 == 0o600
