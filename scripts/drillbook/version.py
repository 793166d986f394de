"""Which drillbook this is: its version, and in a clone the commit."""

from datetime import timedelta
from pathlib import Path

from drillbook import __version__, process
from drillbook.errors import InfrastructureError

_TIMEOUT = timedelta(seconds=10)
_ROOT = Path(__file__).resolve().parents[2]
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR")
"""Variables by which git would look at another repository: a hook that starts drillbook has them."""


def told_version(root: Path = _ROOT) -> str:
    """``0.1.0 (24622c0)``; ``(24622c0, modified)`` where tracked files differ, and without a commit where none can be told.

    None can be told outside of a clone, without git, and where git does not trust the folder's owner.
    """
    commit = _commit(root)
    return f"{__version__} ({commit})" if commit else __version__


def _commit(root: Path) -> str:
    unset = [word for name in _FOREIGN for word in ("--unset", name)]
    describe = ["git", "-C", str(root), "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty=, modified"]
    # Git does not look above: an environment in somebody's project would have that project's commit.
    ceiling = {"GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_OPTIONAL_LOCKS": "0"}
    try:
        told = process.run(["env", *unset, *describe], timeout=_TIMEOUT, environment=ceiling)
    except InfrastructureError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""
