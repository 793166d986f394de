"""New ssh keys, made in memory."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True, slots=True)
class SshKey:
    """An Ed25519 key: ``public`` is ``ssh-ed25519 AAAA...``, ``private`` is of OpenSSH's own form, without a passphrase."""

    public: str
    private: str = field(repr=False)

    @classmethod
    def generate(cls) -> "SshKey":
        """Make one."""
        key = Ed25519PrivateKey.generate()
        return cls(
            key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii"),
            key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii"),
        )
