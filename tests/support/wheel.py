"""The project's wheel as a release has it: made of the files that git knows, as the page on installing says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")
_PAGE = ROOT / "docs/how-to/install.md"


def copy_of_the_clone(into: Path) -> Path:
    """What git knows or would know of: what else lies about in the tree is not in a release."""
    tracked = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git is in the PATH
        check=True,
        capture_output=True,
        text=True,
    )
    for name in tracked.stdout.splitlines():
        if (ROOT / name).exists():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, into / name, follow_symlinks=False)
    return into


def build_wheel(clone: Path, into: Path) -> Path:
    """Build it with the tools that are here."""
    subprocess.run([*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", into, clone], check=True)
    (wheel,) = into.glob("drillbook-*.whl")
    return wheel


def documented(heading: str) -> list[str]:
    """The shell's blocks below a heading of the page on installing."""
    text = _PAGE.read_text(encoding="utf-8")
    _, _, section = text.partition(f"\n## {heading}\n")
    assert section, f"{_PAGE.name} has no section '{heading}'"
    return re.findall(r"^```sh\n(.*?)^```$", section.partition("\n## ")[0], flags=re.MULTILINE | re.DOTALL)
