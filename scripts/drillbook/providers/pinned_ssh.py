"""A login that believes one host key and no other, on the way that the inventory says."""

import os
import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from drillbook import process
from drillbook.errors import RefusedError, UnreachedError
from drillbook.model import SshOptions

_FAILED = 255
"""What ssh ends with when it, and not the program on the host, failed (ssh(1), EXIT STATUS)."""
_OPTIONS = {
    "StrictHostKeyChecking": "yes",
    "GlobalKnownHostsFile": "none",
    "KnownHostsCommand": "none",
    "VerifyHostKeyDNS": "no",
    "UpdateHostKeys": "no",
    "HostKeyAlgorithms": "ssh-ed25519",
    # A connection that another login has opened was verified by another pin.
    "ControlMaster": "no",
    "ControlPath": "none",
    "BatchMode": "yes",
    "PreferredAuthentications": "publickey",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "ConnectTimeout": "10",
    "ServerAliveInterval": "5",
    "LogLevel": "ERROR",
}
"""They stand first, for ssh takes the first word on each: whatever the inventory and ssh's own files say, these hold."""


@dataclass(frozen=True, slots=True)
class PinnedSsh:
    """How one host is logged in to: ``name`` is what its key is known under, ``host_key`` the public key, ``ssh-ed25519 AAAA...``.

    The user's private key is the one of ``options``, of the agent or of ssh's own files, as for Ansible.
    """

    name: str
    address: str
    user: str
    options: SshOptions
    host_key: str

    def ask(self, program: str, script: str, timeout: timedelta) -> process.Completed:
        """Run a program there that reads ``script``; what it ends with is the caller's to judge.

        Raises RefusedError where the host shows another key, UnreachedError where nobody could log in, and InfrastructureError where it was
        not done within ``timeout``. Nothing of the script is in an argument, here or there.
        """
        with TemporaryDirectory(prefix="drillbook-") as directory:
            known = Path(directory) / "known_hosts"
            known.write_text(f"{self.name} {self.host_key}\n", encoding="utf-8")
            done = process.run(self._command(known, program), timeout=timeout, stdin=script)
        if done.returncode == _FAILED:
            raise self._failure(done.stderr)
        return done

    def _command(self, known: Path, program: str) -> list[str]:
        pins = {"UserKnownHostsFile": f'"{known}"', "HostKeyAlias": self.name, **_OPTIONS}
        command = ["ssh", "-T", *(f"-o{key}={value}" for key, value in pins.items())]
        if self.options.port:
            command.append(f"-oPort={self.options.port}")
        if self.options.private_key_file:
            command.append(f'-oIdentityFile="{os.path.expanduser(self.options.private_key_file)}"')  # noqa: PTH111 - as Ansible does it
        lines = (self.options.args, self.options.common_args, self.options.extra_args)
        more = [word for line in lines for word in shlex.split(line)]
        return [*command, f"-oUser={self.user}", *more, "--", self.address, program]

    def _failure(self, said: str) -> RefusedError | UnreachedError:
        where = f"{self.name} ({self.address})"
        if f"Host key for {self.name} has changed" in said or "no matching host key type found" in said:
            return RefusedError(
                "it shows another host key than its own: nobody logged in",
                where=where,
                remedy="See who answers at that address, and that the image does not bring host keys which it keeps.",
            )
        words = [line.strip() for line in said.splitlines() if line.strip()]
        return UnreachedError(
            f"ssh says: {words[-1] if words else 'nothing'}",
            where=where,
            remedy="See the way to it (ansible_ssh_common_args, the security group), and that the controller has the user's private key.",
        )
