"""What Ansible asks of the machine and the user that it runs as: a locale of UTF-8, a home directory to write into, our collection first."""

import locale
import os
from functools import cache
from pathlib import Path

from drillbook.errors import ConfigurationError

_LOCALE = "C.UTF-8"
_COLLECTIONS = "ANSIBLE_COLLECTIONS_PATH"


def ansible_environment(root: Path) -> dict[str, str]:
    """Return the environment variables that each program of Ansible is given: our settings and collection, a locale where it needs another.

    Raises ConfigurationError where the user has no home directory that it may write.
    """
    _refuse_homeless()
    settings = {"ANSIBLE_CONFIG": str(root / "ansible.cfg"), **_collections(root)}
    return settings if _has_utf8() else {**settings, "LC_ALL": _LOCALE}


def _collections(root: Path) -> dict[str, str]:
    """The user's own folders outrank the settings, so ours is put before them: a clone's, or the one that a wheel brought."""
    named = os.environ.get(_COLLECTIONS)
    if not named:
        return {}
    clone = root / ".collections"
    return {_COLLECTIONS: f"{clone if clone.is_dir() else root.parents[2]}{os.pathsep}{named}"}


@cache
def _has_utf8() -> bool:
    """Whether the environment names a locale that this machine has, and its encoding is UTF-8: cron, ssh and sudo may bring another."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "")
        return (locale.getlocale()[1] or "").lower() in {"utf-8", "utf8"}
    except (locale.Error, ValueError):
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _refuse_homeless() -> None:
    try:
        home = Path.home()
    except RuntimeError as error:
        raise _homeless("this user has no home directory", "HOME") from error
    used = home / ".ansible"
    if not os.access(used if used.exists() else home, os.W_OK | os.X_OK):
        raise _homeless("the home directory can't be written", str(home))


def _homeless(message: str, where: str) -> ConfigurationError:
    return ConfigurationError(
        message, where=where, remedy="Ansible keeps its connections there: set HOME to a directory of this user's own."
    )
