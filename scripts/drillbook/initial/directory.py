"""Writes the directory of a controller: the inventory, its secrets, and how they are found without an option."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from drillbook.ansible.vault import sealed
from drillbook.errors import ConfigurationError
from drillbook.evidence.signature import Signer
from drillbook.initial.model import Differences, copied, read_model
from drillbook.initial.secrets import BECOME_PASSWORD, GIVEN, SSH_KEY, names_in, password, vaulted_file
from drillbook.ssh_key import SshKey

VAULT = "group_vars/all/vault.yml"
VAULT_PASSWORD = "vault_password"  # noqa: S105 - the name of a file
ENVIRONMENT = "environment"
EVIDENCE_KEY = "evidence.pem"
STORE_KEYS = "object_store"
SSH = "ssh"
_SECRET, _CLEAR, _PRIVATE = 0o600, 0o644, 0o700
_PLAIN_PATH = re.compile(r"^/[A-Za-z0-9._@+/-]*$")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make, of which model. ``become_password`` is the operator's for sudo; empty leaves it to be filled in."""

    model: str
    differences: Differences
    become_password: str = ""

    @property
    def directory(self) -> Path:
        """Where."""
        return self.differences.directory


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: files by their paths in ``directory``, and vaulted variables that are still empty."""

    directory: Path
    files: tuple[str, ...]
    empty: tuple[str, ...]


def make(wanted: Wanted, inventories: Path) -> Made:
    """Write the directory; raises ConfigurationError where it can't be done, before anything is written if that can be known."""
    directory = wanted.directory
    for path in (directory, wanted.differences.state_directory):
        _check_path(path)
    files = copied(wanted.model, read_model(inventories / wanted.model), wanted.differences)
    names = names_in(files.values())
    opens, logs_in = password(), SshKey.generate()
    known = {BECOME_PASSWORD: wanted.become_password, SSH_KEY: f"{logs_in.public} drillbook"}
    secret = {
        VAULT_PASSWORD: f"{opens}\n".encode(),
        f"inventory/{VAULT}": sealed(vaulted_file(names, known), opens),
        f"{SSH}/id_ed25519": logs_in.private.encode(),
    }
    clear = {f"inventory/{path}": text.encode() for path, text in files.items()}
    clear |= {
        ENVIRONMENT: _environment(directory).encode(),
        f"{SSH}/id_ed25519.pub": f"{known[SSH_KEY]}\n".encode(),
        f"{SSH}/known_hosts": b"",
    }
    try:
        _make_room(directory)
        for mode, contents in ((_SECRET, secret), (_CLEAR, clear)):
            for name, content in contents.items():
                _write(directory, name, content, mode)
        (directory / STORE_KEYS).mkdir(mode=_PRIVATE)
    except OSError as error:
        raise ConfigurationError(
            f"it can't be written: {error.strerror or error}",
            where=str(error.filename or directory),
            remedy="Name a directory that this user may write, and remove what was begun there.",
        ) from error
    Signer.load_or_create(directory / EVIDENCE_KEY)
    empty = tuple(name for name in names if name in GIVEN and not known.get(name))
    return Made(directory, tuple(sorted([*secret, *clear, EVIDENCE_KEY])), empty)


def _check_path(path: Path) -> None:
    if not _PLAIN_PATH.match(str(path)):
        raise ConfigurationError(
            "the path has characters that inventories and shells read otherwise",
            where=str(path),
            remedy="Use letters, digits and . _ - + @ / alone.",
        )


def _make_room(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigurationError(
            "there is something already, and nothing is overwritten",
            where=str(directory),
            remedy="Name a directory that is empty or not there.",
        )
    directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    directory.chmod(_PRIVATE)


def _write(directory: Path, name: str, content: bytes, mode: int) -> None:
    path = directory / name
    for parent in reversed(path.relative_to(directory).parents):
        (directory / parent).mkdir(mode=_PRIVATE, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _SECRET)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(descriptor, mode)


def _environment(directory: Path) -> str:
    inventory = shlex.quote(str(directory / "inventory"))
    return (
        "# Which inventory, and what opens its vaulted file: for drillbook and for Ansible alike.\n"
        f"#   . {directory / ENVIRONMENT}\n"
        f"export DRILLBOOK_INVENTORY={inventory}\n"
        f"export ANSIBLE_INVENTORY={inventory}\n"
        f"export ANSIBLE_VAULT_PASSWORD_FILE={shlex.quote(str(directory / VAULT_PASSWORD))}\n"
    )
