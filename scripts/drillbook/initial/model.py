"""The models: inventories of the tree. A copy differs from its model in paths, and in what the operator said."""

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drillbook.errors import ConfigurationError

HOSTS = "hosts.yml"
CONNECTION = "group_vars/all/ansible.yml"
GLOBAL = "group_vars/all/drillbook.yml"
MODELS = ("example", "proxmox", "aws")
"""Inventories of the tree that are for others, too; the lab's is for the lab alone."""
# Paths of the controller in the models. The roles put certificates below the same directory on each host: that is another thing.
_CONFIGURATION = re.compile(r"/etc/drillbook(?!/tls\b)")
_STATE = re.compile(r"/var/lib/drillbook\b")


@dataclass(frozen=True, slots=True)
class Differences:
    """What a copy has instead of the model's words. ``addresses`` are by host, and None leaves the model's word."""

    directory: Path
    state_directory: Path
    addresses: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    endpoint: str | None = None
    region: str | None = None
    controller: str = field(default_factory=lambda: f"controller1-{secrets.token_hex(4)}")
    """What its entries in the anchor are below: another controller must not write there."""


def read_model(folder: Path) -> dict[str, str]:
    """Return the files of a model by their paths in it."""
    found = (path for path in sorted(folder.rglob("*.yml")) if path.name != "vault.yml")
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in found}


def copied(model: str, files: Mapping[str, str], differences: Differences) -> dict[str, str]:
    """Return the copy's files; raises ConfigurationError where the model has no place for what was said."""
    inventory = str(differences.directory / "inventory")
    texts = {path: text.replace(f"inventories/{model}", inventory) for path, text in files.items()}
    texts = {path: _STATE.sub(str(differences.state_directory), text) for path, text in texts.items()}
    texts = {path: _CONFIGURATION.sub(str(differences.directory), text) for path, text in texts.items()}
    for path, pattern, value, what in _places(differences):
        texts[path] = _put(texts[path], pattern, value, f"{what} (inventories/{model}/{path})")
    return texts


def _places(differences: Differences) -> Iterable[tuple[str, str, str, str]]:
    """Where each word stands: file, what is before it, the new word, and what it is."""
    for host, address in differences.addresses.items():
        yield HOSTS, rf"^ +{re.escape(host)}:(?: \{{|\n +)ansible_host: ", address, f"the address of a host '{host}'"
    for path, key, value in (
        (CONNECTION, "ansible_user", differences.user),
        (GLOBAL, "  endpoint", differences.endpoint),
        (GLOBAL, "  region", differences.region),
        (GLOBAL, "  anchor_prefix", f"{differences.controller}/"),
    ):
        if value is not None:
            yield path, rf"^{key}: ", value, f"a place for {key.strip()}"


def _put(text: str, before: str, value: str, what: str) -> str:
    put: Callable[[re.Match[str]], str] = lambda found: found[1] + value  # noqa: E731 - a replacement that is not read as a pattern
    changed, count = re.subn(rf"({before})[^\s,}}]+", put, text, count=1, flags=re.MULTILINE)
    if count == 0:
        raise ConfigurationError(
            f"the model has not {what}",
            where="the command line",
            remedy="Leave the option out, and edit the files when they are made.",
        )
    return changed
