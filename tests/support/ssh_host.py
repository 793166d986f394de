"""A host that is logged in to by ssh: a real server, whose programs run here with the host's files in a folder of their own.

It needs no root and no sshd. What cloud-init does with user data on a first boot, `SshHost.boot` does. ``sudo``, ``systemctl`` and what
makes file systems are stand-ins, which write down how they were called.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import asyncssh
import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_REWRITTEN = ("/etc/", "/run/", "/var/lib/", "/dev/disk", "/dev/xvd", "/dev/sd")
_TOOLS = {
    "sudo": '[ "$1" = -n ] || exit 9\nshift\nexec "$@"\n',
    "systemctl": 'echo "$@" >>{root}/reloads\n',
    "mkfs.ext4": 'echo "mkfs $*" >>{root}/disks\n',
    "mount": 'echo "mount $*" >>{root}/disks\n',
    "umount": 'echo "umount $*" >>{root}/disks\ncp -a "$1/." {root}/unmounted\nfind "$1" -mindepth 1 -delete\n',
    "blkid": "echo 11111111-2222\n",
}


class SshHost:
    """Listens from the start, and shows somebody else's key until it boots; use it as a context."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = 0
        self.logins: list[str] = []
        self.programs: list[str] = []
        self._users: dict[str, list[str]] = {}
        self._listening = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._acceptor: Any = None
        self._reloads = 0
        for name, text in _TOOLS.items():
            tool = root / "bin" / name
            tool.parent.mkdir(parents=True, exist_ok=True)
            tool.write_text(f"#!/bin/sh\n{text.format(root=shlex.quote(str(root)))}", encoding="utf-8")
            tool.chmod(0o755)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        self._acceptor = await asyncssh.create_server(
            lambda: _Door(self),
            "127.0.0.1",
            0,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=self._run,
            encoding=None,
        )
        self.port = self._acceptor.get_port()
        self._listening.set()
        await self._leave.wait()
        self._acceptor.close()
        await self._acceptor.wait_closed()

    @property
    def arguments(self) -> str:
        """Options of ssh that lead to it, whatever address is asked for."""
        return f"-o HostName=127.0.0.1 -o Port={self.port}"

    def boot(self, user_data: str, *, errors: Sequence[str] = (), done: bool = True) -> None:
        """As cloud-init does at a first boot; with errors in its result, or with no end of it where ``done`` is false."""
        assert user_data.startswith("#cloud-config\n")
        said = yaml.safe_load(user_data)
        self.write(HOST_KEY, said["ssh_keys"]["ed25519_private"])
        self.write(f"{HOST_KEY}.pub", said["ssh_keys"]["ed25519_public"])
        self._users = {user["name"]: user["ssh_authorized_keys"] for user in said["users"]}
        if done:
            self.write("run/cloud-init/result.json", json.dumps({"v1": {"datasource": "x", "errors": list(errors)}}))
        self.show(self.read(HOST_KEY))

    def show(self, private_key: str) -> None:
        """Show this host key from now on."""
        key = asyncssh.import_private_key(private_key)
        self._loop.call_soon_threadsafe(lambda: self._acceptor.update(server_host_keys=[key]))

    def write(self, path: str, text: str) -> None:
        """Into a file of the host."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        """A file of the host; "" where there is none."""
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def keys_of(self, user: str) -> Sequence[str]:
        """The public keys that a user logs in by."""
        return self._users.get(user, [])

    async def _run(self, process: Any) -> None:
        program = process.command or ""
        self.programs.append(program)
        text = (await process.stdin.read()).decode() if program.endswith("sh -s") else ""
        for path in _REWRITTEN:
            text = text.replace(path, f"{self.root}{path}")
        child = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            program,
            # What is no block device here is taken for one.
            env={"PATH": f"{self.root / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.root)},
            cwd=self.root,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await child.communicate(text.replace("[ ! -b ", "[ ! -e ").encode())
        process.stdout.write(out)
        process.stderr.write(err)
        reloads = len(self.read("reloads").splitlines())
        if reloads > self._reloads:
            self._reloads = reloads
            self.show(self.read(HOST_KEY))
        process.exit(child.returncode)


class _Door(asyncssh.SSHServer):
    """Lets in users by the keys that user data gave them."""

    def __init__(self, host: SshHost) -> None:
        self._host = host

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - as asyncssh calls it
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        shown = key.export_public_key().decode().split()[:2]
        allowed = any(one.split()[:2] == shown for one in self._host.keys_of(username))
        if allowed:
            self._host.logins.append(username)
        return allowed
