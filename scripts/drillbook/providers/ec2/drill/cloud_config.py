"""What a new sandbox host is told by user data."""

import yaml

from drillbook.ssh_key import SshKey


def cloud_config(host: str, user: str, public_key: str, host_key: SshKey) -> str:
    """The user data: the host's name, one user who logs in by a key, and the host key; keys that the image has go.

    The host key is for the first login alone. User data can be read by whoever may call DescribeInstanceAttribute, and by each program
    in the instance. So the host replaces it.
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
