"""Brings playbooks, roles and plugins into the wheel, as the collection drillbook.platform. All else stands in pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

ROOT = Path(__file__).resolve().parent
FOLDERS = ("inventories", "meta", "playbooks", "plugins", "roles")
INTO = Path("drillbook/ansible_collections/drillbook/platform")
# Where ansible.cfg says that the collection lies, seen from that file: in a clone, and in the package.
COLLECTIONS = (".collections", "../../..")


def of_lab(path: Path) -> bool:
    """Whether a file is of the lab, which needs the clone: its name, or that of a folder, is `lab` or begins so."""
    return any(part.partition(".")[0] == "lab" or part.startswith("lab_") for part in path.parts)


def brought() -> list[Path]:
    """What the wheel brings, relative to the clone: no compiled files, nothing of the lab."""
    found = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.is_file())
    paths = (path.relative_to(ROOT) for path in found if "__pycache__" not in path.parts)
    return [path for path in paths if not of_lab(path)]


class BuildWithPlatform(build_py):
    """An editable installation finds them in the clone."""

    def run(self) -> None:
        """Build the package, and copy them into it."""
        super().run()
        if self.editable_mode:
            return
        into = Path(self.build_lib) / INTO
        shutil.rmtree(into, ignore_errors=True)
        for path in brought():
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, into / path)
        settings = (ROOT / "ansible.cfg").read_text(encoding="utf-8").splitlines(keepends=True)
        # The clone's own lab is nobody's default elsewhere.
        kept = "".join(line for line in settings if not line.startswith("inventory = "))
        found, there, rest = kept.partition(f"collections_path = {COLLECTIONS[0]}:")
        if not there:
            raise SetupError("ansible.cfg does not begin collections_path with the clone's own")
        (into / "ansible.cfg").write_text(f"{found}collections_path = {COLLECTIONS[1]}:{rest}", encoding="utf-8")


setup(cmdclass={"build_py": BuildWithPlatform})
