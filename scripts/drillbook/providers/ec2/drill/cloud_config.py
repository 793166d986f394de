"""What a new sandbox host is told by user data, and the throw-away host key that is in it."""

from dataclasses import dataclass, field

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat


@dataclass(frozen=True, slots=True)
class ThrowAwayKey:
    """A host key for the first login alone: ``public`` is ``ssh-ed25519 AAAA...``, ``private`` is of OpenSSH's own form.

    User data can be read by whoever may call DescribeInstanceAttribute, and by each program in the instance. So the host replaces it.
    """

    public: str
    private: str = field(repr=False)

    @classmethod
    def generate(cls) -> "ThrowAwayKey":
        """Make one, in memory."""
        key = Ed25519PrivateKey.generate()
        return cls(
            key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii"),
            key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode("ascii"),
        )


def cloud_config(host: str, user: str, public_key: str, host_key: ThrowAwayKey) -> str:
    """The user data: the host's name, one user who logs in by a key, and the host key; keys that the image has go.

    See cloudinit.readthedocs.io/en/latest/reference/modules.html (ssh, users and groups, set hostname).
    """
    said = {
        "hostname": host,
        "preserve_hostname": False,
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
        "ssh_pwauth": False,
        "disable_root": True,
        "users": [
            {
                "name": user,
                "lock_passwd": True,
                "shell": "/bin/bash",
                "ssh_authorized_keys": [public_key],
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
            }
        ],
        "package_update": False,
        "package_upgrade": False,
    }
    return f"#cloud-config\n{yaml.safe_dump(said, sort_keys=False, width=1000)}"
