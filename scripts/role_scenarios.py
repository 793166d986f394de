#!/usr/bin/env python3
"""Names the Molecule scenarios to run: those of the roles whose files changed since a commit, or all of them.

A scenario has the name of its role. What all of them stand on (molecule/shared, the lab's own roles and playbooks) is shown by two scenarios that
together use all of it, so that a change there costs minutes and not an hour.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# Two Debians, another role before it, packages from the archive, a port from outside; and the one isolated network.
SAMPLE = ("haproxy", "isolation")
SHARED = re.compile(
    r"\.config/molecule/|molecule/(?:shared/|conftest\.py)|roles/(?:lab_\w+|packages|service)/|playbooks/lab|inventories/lab/|"
    r"ansible\.cfg$|requirements\.lock$"
)


class UnknownCommitError(Exception):
    """The commit to compare with is not in this clone."""


def scenarios() -> list[str]:
    """All scenarios of single roles."""
    roles = {path.name for path in (REPOSITORY / "roles").iterdir()}
    return sorted(path.parent.name for path in REPOSITORY.glob("molecule/*/molecule.yml") if path.parent.name in roles)


def users_of(plugin: str) -> set[str]:
    """The roles whose tasks use a module, an action or a filter of ours."""
    word = re.compile(rf"\b{re.escape(plugin)}\b")
    return {
        path.relative_to(REPOSITORY).parts[1]
        for path in REPOSITORY.glob("roles/*/tasks/**/*.yml")
        if word.search(path.read_text(encoding="utf-8"))
    }


def concerned(path: str) -> set[str]:
    """The scenarios that show whether a changed file still does what it should."""
    parts = Path(path).parts
    found = set(SAMPLE) if SHARED.match(path) else set()
    if parts[0] in {"roles", "molecule"} and len(parts) > 2 and not path.endswith(".md"):  # a file in a folder
        found.add(parts[1])
    if parts[0] == "plugins" and path.endswith(".py"):
        found |= users_of(Path(path).stem)
    return found


def selected(changed: list[str] | None) -> list[str]:
    """The scenarios for changed files, in the order of their names; all of them where nobody knows what changed."""
    known = scenarios()
    if changed is None:
        return known
    wanted = {scenario for path in changed for scenario in concerned(path)}
    return [scenario for scenario in known if scenario in wanted]


def changed_since(commit: str) -> list[str]:
    """Files that differ between a commit and the working tree, new ones included."""
    git = ("git", "-C", str(REPOSITORY))
    if not re.fullmatch(r"[0-9a-f]{7,64}", commit):
        raise UnknownCommitError(commit)
    answers = []
    for command in (
        ["diff", "--name-only", "--no-renames", commit, "--"],
        ["ls-files", "--others", "--exclude-standard"],
    ):
        asked = subprocess.run([*git, *command], capture_output=True, text=True, check=False, timeout=60)
        if asked.returncode != 0:
            raise UnknownCommitError(commit)
        answers += asked.stdout.splitlines()
    return [path for path in answers if not in_new_scenario(path, commit)]


def in_new_scenario(path: str, commit: str) -> bool:
    """Tell whether a file belongs to a scenario that the commit does not have: whoever adds one runs it."""
    parts = Path(path).parts
    if parts[0] != "molecule" or len(parts) < 3 or parts[1] == "shared":
        return False
    there = ["git", "-C", str(REPOSITORY), "cat-file", "-e", f"{commit}:molecule/{parts[1]}"]
    return subprocess.run(there, capture_output=True, check=False, timeout=60).returncode != 0


def main() -> int:
    """Prints a name per line; what was decided goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--since-file", type=Path, metavar="FILE", help="a file that holds the commit; default: all scenarios"
    )
    arguments = parser.parse_args()
    changed, why = None, "all roles"
    if arguments.since_file:
        commit = arguments.since_file.read_text(encoding="utf-8").strip() if arguments.since_file.exists() else ""
        try:
            changed, why = changed_since(commit), f"changed since {commit[:12]}"
        except UnknownCommitError:
            why = f"all roles, because {arguments.since_file} names no commit of this clone"
    chosen = selected(changed)
    print(f"scenarios ({why}): {', '.join(chosen) or 'none'}", file=sys.stderr)
    print(*chosen, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
