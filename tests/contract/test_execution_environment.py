"""The execution environment's definition is what ansible-builder accepts. It makes the context of an image, and the image is not built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.hygiene.test_dependencies import locked

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = "execution-environment.yml"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the definition names; the wheel is a stand-in."""
    for name in (DEFINITION, "requirements.lock"):
        shutil.copy2(ROOT / name, tmp_path / name)
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/drillbook-0-py3-none-any.whl").write_bytes(b"")
    return tmp_path


def create(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-builder"), "create", "--file", DEFINITION, "--context", "context"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_context_is_made_of_it(place: Path) -> None:
    made = create(place)
    assert made.returncode == 0, made.stdout + made.stderr
    brought = {path.name for path in (place / "context/_build/drillbook").iterdir()}
    assert brought == {"requirements.lock", "drillbook-0-py3-none-any.whl"}
    steps = (place / "context/Containerfile").read_text(encoding="utf-8")
    assert "--require-hashes --requirement /tmp/drillbook/requirements.lock" in steps


@pytest.mark.parametrize(("old", "new"), [("dependencies:", "dependency:"), ("append_final:", "append_last:")])
def test_what_is_wrong_with_it_is_refused(place: Path, old: str, new: str) -> None:
    text = (place / DEFINITION).read_text(encoding="utf-8")
    assert old in text
    (place / DEFINITION).write_text(text.replace(old, new), encoding="utf-8")
    assert create(place).returncode != 0


def test_its_ansible_is_that_of_the_lock() -> None:
    dependencies = yaml.safe_load((ROOT / DEFINITION).read_text(encoding="utf-8"))["dependencies"]
    named = [dependencies[key]["package_pip"] for key in ("ansible_core", "ansible_runner")]
    versions = locked("requirements.lock")
    assert named == [f"{name}=={versions[name]}" for name in ("ansible-core", "ansible-runner")]
