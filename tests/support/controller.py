"""A controller that has drillbook's wheel and no clone: a bare Debian container in the lab's networks, and a user who is not root."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from tests.support.guests.containers import podman_of

from drillbook.providers.lab.podman import LAB_LABEL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from drillbook import process
    from drillbook_lab.lab import Lab

USER = "drills"
HOME = f"/home/{USER}"
OCTET = 71
_WHEELS = "/wheels"
_LIMIT = timedelta(minutes=15)
# It accepts nothing from a sandbox: each drill tries.
_FIREWALL = """
table inet controller {
  chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iif lo accept; }
}
"""


class Controller:
    """Use it as a context. The packages come from Debian, the wheels from a folder; then its way out is cut."""

    def __init__(self, lab: Lab, image: str, wheels: Path, install: str) -> None:
        """``wheels``: a folder, which is `wheels` in the directory where root runs the commands ``install``."""
        self._podman = podman_of(lab)
        self._lab = lab
        self._image = image
        self._wheels = wheels
        self._install = install
        self.container = f"{lab.prefix}-guest-controller"

    def __enter__(self) -> Self:
        """Make it, with pipx and the wheel installed for all users of the machine."""
        try:
            self._create()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_failure: object) -> None:
        """Remove it."""
        self._podman.call("rm", "--force", "--time", "0", "--volumes", "--ignore", self.container, where=self.container)

    def root(self, script: str, stdin: str | None = None, **environment: str) -> str:
        """What a shell of root's prints."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        argv = ("exec", "--interactive", *variables, self.container, "bash", "-euc", script)
        done = self._podman.attempt(*argv, stdin=stdin, timeout=_LIMIT)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, script: str, **environment: str) -> process.Completed:
        """What the user's login shell does and says; an empty value takes a variable away."""
        changes = [
            f"--unset={name}" if not value else f"{name}={value}"
            for name, value in sorted(environment.items(), key=lambda pair: bool(pair[1]))
        ]
        shell = shlex.join(["env", *changes, "bash", "-euc", script])
        return self._podman.attempt(
            "exec", f"--user={USER}", f"--workdir={HOME}", self.container, "bash", "-lc", shell, timeout=_LIMIT
        )

    def output(self, script: str, **environment: str) -> str:
        """The output of what must succeed."""
        done = self.run(script, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, path: str, text: str) -> None:
        """A file of the user's that nobody else reads."""
        self.root(f"umask 077; cat >{shlex.quote(path)}; chown {USER}: {shlex.quote(path)}", stdin=text)

    def edit(self, path: str, changes: Mapping[str, str]) -> None:
        """As an operator edits what `drillbook init` has made; each text must be there."""
        text = self.output(f"cat {shlex.quote(path)}")
        for old, new in changes.items():
            assert old in text, f"{path} has no '{old}'"
            text = text.replace(old, new)
        self.write(path, text)

    def _create(self) -> None:
        lab, store = self._lab, self._lab.address("store1", "sandbox")
        networks = [
            f"--network={lab.prefix}-{name}:ip={lab.address(host, name).rpartition('.')[0]}.{OCTET}"
            for name, host in (("production", "db1"), ("sandbox", "sandbox1"))
        ]
        self._podman.call(
            *(
                "run",
                "--detach",
                "--name",
                self.container,
                "--hostname",
                "controller",
                f"--label={LAB_LABEL}={lab.prefix}",
            ),
            *("--network=podman", *networks, f"--add-host=store1:{store}", "--cap-add=NET_ADMIN"),
            *("--security-opt=seccomp=unconfined", f"--volume={self._wheels}:{_WHEELS}:ro"),
            *(self._image, "sleep", "infinity"),
            where=self.container,
        )
        self.root(
            "apt-get -q update; apt-get -q -y install --no-install-recommends pipx; "
            f"useradd --create-home --shell /bin/bash {USER}; echo 'umask 027' >>{HOME}/.profile",
            DEBIAN_FRONTEND="noninteractive",
        )
        self._podman.call("network", "disconnect", "podman", self.container, where=self.container)
        self.root("nft -f -", stdin=_FIREWALL)
        self.root(self._install)
