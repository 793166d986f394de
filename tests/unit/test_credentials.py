"""Who may read a file with a secret: its owner. What is in it stands in no message."""

from pathlib import Path

import pytest

from drillbook.credentials import exposed, read_credentials
from drillbook.errors import ConfigurationError

CONTENT = '{"id": "drillbook@pve!drill", "secret": "not-so-secret"}'


def read(path: Path, *, refuse_exposed: bool = True) -> tuple[str, ...]:
    return read_credentials(
        path,
        ("id", "secret"),
        what="the keys",
        remedy="Write it there.",
        fault=ConfigurationError,
        refuse_exposed=refuse_exposed,
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_what_only_its_owner_may_read_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "drill.json"
    path.write_text(CONTENT)
    path.chmod(mode)
    assert read(path) == ("drillbook@pve!drill", "not-so-secret")
    assert exposed(path) == ""


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602, 0o620])
def test_what_others_may_read_or_change_is_refused_and_said_with_its_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "drill.json"
    path.write_text(CONTENT)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=rf"the keys are open to others \(mode {mode:04o}\)") as caught:
        read(path)
    assert f"chmod 600 {path}" in caught.value.remedy
    assert "not-so-secret" not in str(caught.value)
    assert read(path, refuse_exposed=False)[1] == "not-so-secret"
    assert f"{mode:04o}" in exposed(path)


def test_behind_a_link_the_file_itself_counts(tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(CONTENT)
    (tmp_path / "kept.json").chmod(0o644)
    (tmp_path / "drill.json").symlink_to(tmp_path / "kept.json")
    with pytest.raises(ConfigurationError, match="open to others"):
        read(tmp_path / "drill.json")


def test_one_that_is_not_there_is_no_question_of_modes(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        read(tmp_path / "drill.json")
    assert exposed(tmp_path / "drill.json") == ""
