"""The public host key of a machine, as something that can be trusted told it."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from drillbook.errors import RefusedError

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"


def host_key_in(text: str) -> str | None:
    """The key, ``ssh-ed25519 AAAA...`` without a comment; None where the text is not one line with one such key."""
    words = text.split()
    if len(text.strip().splitlines()) != 1 or len(words) < 2:
        return None
    key = f"{words[0]} {words[1]}"
    try:
        found = load_ssh_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(found, Ed25519PublicKey) else None


def read_host_key(text: str, where: str) -> str:
    """The same; raises RefusedError where there is none. The error does not repeat the text, which may be a private key."""
    found = host_key_in(text)
    if found is None:
        raise RefusedError(
            f"what its guest agent tells as its host key is not one Ed25519 public key ({len(text.splitlines())} lines)",
            where=f"{where}, {HOST_KEY}",
            remedy="See on its console what is in that file. Nothing was pinned, and nobody logged in.",
        )
    return found
