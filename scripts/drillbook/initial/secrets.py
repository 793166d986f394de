"""The vaulted variables that an inventory names, and a value for each."""

import re
import secrets
import string
from collections.abc import Iterable, Mapping

_NAME = re.compile(r"\bvault_[a-z0-9_]+\b")
_LETTERS = string.ascii_letters + string.digits
_PASSWORD_LENGTH = 32
_SEED_BYTES = 32
BECOME_PASSWORD = "vault_become_password"  # noqa: S105 - the name of a variable
SSH_KEY = "vault_ssh_public_key"
"""The public half of the ssh key that is made, as in authorized_keys: new machines accept it."""
# What others have made: it can't be random, so its operator fills it in.
GIVEN = {
    BECOME_PASSWORD: "password that ansible_user gives to sudo; empty where sudo asks for none",
    "vault_proxmox_token_secret": "secret of the token that makes machines (docs/how-to/provision.md)",
    "vault_aws_access_key": "access key that makes machines (docs/how-to/provision.md)",
    "vault_aws_secret_key": "its secret key",
}


def names_in(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the vaulted variables that an inventory's files name, sorted."""
    return tuple(sorted({name for text in texts for name in _NAME.findall(text)}))


def password() -> str:
    """A new password of 32 letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))


def new_value(name: str) -> str:
    """Return a new value for a vaulted variable: an Ed25519 seed in hexadecimal digits for a signing key, empty for what is `GIVEN`."""
    if name in GIVEN:
        return ""
    return secrets.token_hex(_SEED_BYTES) if name.endswith("_signing_key") else password()


def vaulted_file(names: Iterable[str], known: Mapping[str, str]) -> str:
    """Return the clear text of the vaulted file, with a comment at each variable that its operator may have to fill in.

    ``known`` has the values that are not to be made up; an empty one is as if it was not there.
    """
    lines = ["---", "# Made by drillbook init. Change it with ansible-vault edit, and keep the escrow in step."]
    for name in names:
        value = known.get(name) or new_value(name)
        lines += [f"# {GIVEN[name]}"] if name in GIVEN else []
        quoted = "'" + value.replace("'", "''") + "'"
        # What somebody else has chosen may hold the signs of a template.
        lines.append(f"{name}: {'!unsafe ' if name in GIVEN and value else ''}{quoted}")
    return "\n".join(lines) + "\n"
