"""Mounts of this process's own: it and what it starts see them, nobody else does, and the kernel removes them with the last of them."""

import ctypes
import os
from pathlib import Path

from drillbook.errors import InfrastructureError

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
_PRIVATE_MODE = 0o700


def leave_the_mounts_of_others() -> None:
    """Have mounts of this process's own from here on, equal to those that it had: see unshare(2).

    A user that is not root gets a namespace of users, too, and stays who it is in it. Raises InfrastructureError where this machine
    does not allow that. The process must have one thread alone.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _call("unshare", _CLONE_NEWNS)
    else:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
        _write("setgroups", "deny")
        _write("uid_map", f"{user} {user} 1")
        _write("gid_map", f"{group} {group} 1")
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)


def empty_directory_over(directory: Path) -> None:
    """Put an empty directory in memory, this user's alone, over one that is there; raises InfrastructureError."""
    options = f"mode={_PRIVATE_MODE:o},uid={os.getuid()},gid={os.getgid()}"
    _call("mount", b"tmpfs", os.fsencode(directory), b"tmpfs", _MS_NOSUID | _MS_NODEV, options.encode())


def _call(name: str, *arguments: object) -> None:
    if getattr(_LIBC, name)(*arguments) != 0:
        raise _not_allowed(name, ctypes.get_errno())


def _write(name: str, text: str) -> None:
    try:
        Path("/proc/self", name).write_text(text, encoding="ascii")
    except OSError as error:
        raise _not_allowed(name, error.errno or 0) from error


def _not_allowed(name: str, number: int) -> InfrastructureError:
    return InfrastructureError(
        f"this machine allows no mounts of a process's own: {name}: {os.strerror(number)}",
        where="the controller",
        remedy="Run this as root, or let users have namespaces (user.max_user_namespaces, and AppArmor's on Ubuntu).",
    )
