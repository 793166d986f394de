"""podman's command line with the lab's own containers.conf, and its errors as ours."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from drillbook import process
from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.providers.lab.place import LabPlace

LOOK = timedelta(seconds=60)
"""Longest time that a look at containers and images, or a change that copies nothing, may take."""
PAUSES = 5
"""How often a container is asked to pause."""
_NOT_FROZEN = "unable to freeze"
LAB_LABEL = "drillbook.lab"
HOST_LABEL = "drillbook.host"
_GUARD = 'read -r first; read -r done || exec timeout 60 podman "$@" >/dev/null 2>&1'


class Podman:
    """Calls; each is bounded in time and dies with us."""

    def __init__(self, place: LabPlace) -> None:
        self.place = place

    def attempt(self, *arguments: str, timeout: timedelta = LOOK, stdin: str | None = None) -> process.Completed:
        """Run podman and return what it left; raises DrillbookError only when it can't be run or is not done in time."""
        return process.run(("podman", *arguments), timeout=timeout, environment=self._environment(), stdin=stdin)

    def call(self, *arguments: str, where: str, timeout: timedelta = LOOK) -> str:
        """Run podman and return its output; raises InfrastructureError with what it said when it fails."""
        done = self.attempt(*arguments, timeout=timeout)
        if done.returncode != 0:
            raise InfrastructureError(
                f"podman {arguments[0]} failed: {said(done)}",
                where=f"{self.place.name}, {where}",
                remedy=f"Look at it with CONTAINERS_CONF={self.place.containers_conf} podman ps --all.",
            )
        return done.stdout

    def containers(self) -> list[Mapping[str, Any]]:
        """The lab's containers, running or not."""
        listed = self.call(
            "ps", "--all", "--filter", f"label={LAB_LABEL}={self.place.prefix}", "--format", "json", where="containers"
        )
        return list(json.loads(listed))

    def inspect(self, container: str) -> Mapping[str, Any] | None:
        """Everything that podman knows of a container; None where there is none of this name."""
        return self._inspect("container", container)

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """Everything that podman knows of an image; None where there is none of this name."""
        return self._inspect("image", reference)

    def images(self) -> list[Mapping[str, Any]]:
        """The lab's images: the copies of its containers, each once with all its names."""
        listed = self.call(
            "images", "--filter", f"label={LAB_LABEL}={self.place.prefix}", "--format", "json", where="images"
        )
        return list({image["Id"]: image for image in json.loads(listed)}.values())

    def status(self, container: str) -> str:
        """What podman calls its state (running, paused, exited ...); raises InfrastructureError where there is no such container."""
        found = self.inspect(container)
        if found is None:
            raise InfrastructureError(
                "there is no container of this name",
                where=f"{self.place.name}, {container}",
                remedy="Bring the lab up.",
            )
        return str(found["State"]["Status"])

    def pause(self, container: str, *, where: str, timeout: timedelta = LOOK) -> None:
        """Pause it; asked again where the kernel gives up ("unable to freeze"), as it may on cgroup v1 while processes are being made."""
        for _ in range(PAUSES - 1):
            done = self.attempt("pause", container, timeout=timeout)
            if done.returncode == 0:
                return
            if _NOT_FROZEN not in done.stderr:
                break
        self.call("pause", container, where=where, timeout=timeout)

    def unpause(self, container: str, timeout: timedelta) -> None:
        """Let it go on; nothing happens where it is not paused."""
        if self.status(container) == "paused":
            self.call("unpause", container, where=container, timeout=timeout)

    def remove(self, container: str, timeout: timedelta = LOOK) -> None:
        """Remove a container with its disk, running or not; nothing happens where it is gone."""
        self.call("rm", "--force", "--ignore", "--time", "0", "--volumes", container, where=container, timeout=timeout)

    @contextmanager
    def promised(self, *arguments: str) -> Iterator[None]:
        """For the length of the block, have a process that makes this call should the block fail, or we die in it."""
        argv = ("env", *(f"{key}={value}" for key, value in self._environment().items()), "sh", "-c", _GUARD, "guard")
        with process.outliving((*argv, *arguments), "begin\n") as guard:
            yield
            guard.tell("done\n")

    def _inspect(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """By its whole name: `podman inspect` would take the beginning of an id, too."""
        if self.attempt(kind, "exists", name).returncode != 0:
            return None
        done = self.attempt(kind, "inspect", name)
        if done.returncode != 0 and self.attempt(kind, "exists", name).returncode != 0:
            return None  # it went meanwhile
        if done.returncode != 0:
            raise InfrastructureError(
                f"podman can't read it: {said(done)}",
                where=f"{self.place.name}, {kind} {name}",
                remedy="Look at podman's storage.",
            )
        (found,) = json.loads(done.stdout)
        return dict(found)

    def _environment(self) -> dict[str, str]:
        if not self.place.containers_conf.is_file():
            raise ConfigurationError(
                f"there is no {self.place.containers_conf}",
                where=f"drillbook_providers, {self.place.name}, containers_conf",
                remedy="Name the lab's containers.conf, or bring the lab up: playbooks/lab/up.yml.",
            )
        return {"CONTAINERS_CONF": str(self.place.containers_conf)}


def said(done: process.Completed) -> str:
    """The last line of what podman said."""
    lines = done.stderr.strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else f"exit status {done.returncode}"
