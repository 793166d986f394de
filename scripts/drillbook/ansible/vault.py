"""Vaulted files: what only the vault's password opens."""

from ansible.parsing.vault import VaultLib, VaultSecret


def sealed(text: str, password: str) -> bytes:
    """Return ``text`` as ``ansible-vault encrypt`` writes it (AES256, a salt of its own each time)."""
    return bytes(VaultLib().encrypt(text, secret=VaultSecret(password.encode())))
