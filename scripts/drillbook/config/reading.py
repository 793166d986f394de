"""Reads the inventory by ansible-inventory, or as it was read before where nothing has changed."""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.config.inventory import Inventory
from drillbook.config.remembered import digest_of, remember, remembered
from drillbook.controller import ansible_environment
from drillbook.errors import ConfigurationError

_TIMEOUT = timedelta(minutes=2)
_SHOWN = 1200
_ERROR = re.compile(r"^\[ERROR\]: (.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_UNPARSED = "Completely failed to parse inventory source"
_VAULT = re.compile(r"no vault secrets|decryption failed|vault password|vault-ids?\b", re.IGNORECASE)
_ASKING = r"\.(?:proxmox|aws_ec2)\.ya?ml$"
"""Names of the files whose plug-in asks a provider: what is declared stands beside them."""


def _cause(said: str) -> str:
    """What Ansible says first of its errors, for what follows are consequences; else the beginning and the end of all that it said.

    That an inventory could not be parsed is a consequence itself: why stands in the warnings before it.
    """
    first = _ERROR.search(said)
    text = first[1].strip() if first and not first[1].startswith(_UNPARSED) else said
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]} [...] {text[-_SHOWN // 2 :]}"


def _remedy(cause: str) -> str:
    """By what Ansible said: a vaulted file that can't be opened, and one that is not there, are no mistakes in the inventory."""
    if _VAULT.search(cause):
        return (
            "Set ANSIBLE_VAULT_PASSWORD_FILE to the file that holds the vault's password; "
            "`. <directory of drillbook init>/environment` does."
        )
    if "vault_" in cause and "undefined" in cause:
        return "Its vaulted variables are not there: see vault.yml in docs/how-to/provision.md."
    return "Correct the inventory."


def read_inventory(
    sources: Sequence[Path], *, root: Path, declared_is_enough: Callable[[str], None] | None = None
) -> Inventory:
    """Run ``ansible-inventory`` on ``sources`` in the repository ``root``; raises ConfigurationError.

    ``--export`` keeps a group's variables with the group, so that a message can say where a value stands. A half-read inventory is worse
    than none, but for who needs nothing of a provider: ``declared_is_enough`` is told where only the declared half could be read.
    """
    for source in sources:
        if not source.exists():
            raise ConfigurationError(
                f"inventory {source} does not exist",
                where=str(source),
                remedy="Give --inventory or DRILLBOOK_INVENTORY.",
            )
    digest = digest_of(sources, root)
    known = remembered(digest) if digest is not None else None
    if known is not None:
        return replace(Inventory.parse(known), sources=tuple(sources))
    found = Inventory.parse(_told(sources, root, declared_is_enough))
    if digest is not None and digest == digest_of(sources, root):
        remember(digest, found.as_json())
    return replace(found, sources=tuple(sources))


def _told(sources: Sequence[Path], root: Path, declared_is_enough: Callable[[str], None] | None) -> Mapping[str, Any]:
    """What ansible-inventory says; raises ConfigurationError."""
    done = _listed(sources, root, {})
    where = ", ".join(str(source) for source in sources)
    if done.returncode != 0:
        asking = [source for source in sources if _asks(source)]
        cause = _cause(done.stderr.strip())
        failed = ConfigurationError(
            f"ansible-inventory failed: {cause}", where=where, remedy=f"{_remedy(cause)}{_way_around(asking)}"
        )
        if declared_is_enough is not None and asking:
            done = _listed(sources, root, {"ANSIBLE_INVENTORY_IGNORE_REGEX": _ASKING})
        if done.returncode != 0 or declared_is_enough is None:
            raise failed
        declared_is_enough(f"warning: only what is declared is known: {failed.message}")
    try:
        told: Mapping[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"ansible-inventory printed something else than JSON: {error}", where=where, remedy="Correct the inventory."
        ) from error
    return told


def _listed(sources: Sequence[Path], root: Path, more: Mapping[str, str]) -> process.Completed:
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "--list", "--export"]
    for source in sources:
        command += ["--inventory", str(source)]
    return process.run(command, timeout=_TIMEOUT, directory=root, environment={**ansible_environment(root), **more})


def _asks(source: Path) -> bool:
    """Whether a directory has a file that asks a provider."""
    return source.is_dir() and any(re.search(_ASKING, path.name) for path in source.iterdir())


def _way_around(asking: Sequence[Path]) -> str:
    """For an inventory whose provider does not answer; each of its other files is a source of its own."""
    files = [
        path
        for source in asking
        for path in sorted(source.iterdir())
        if path.suffix in {".yml", ".yaml"} and not re.search(_ASKING, path.name)
    ]
    named = " ".join(f"-i {path}" for path in files)
    return f" Where its provider is away, name what is declared alone: {named}." if files else ""
