"""A provider whose machines are folders: what a test wants of it stands in files of the world's `controls`."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drillbook.errors import InfrastructureError
from drillbook.model import Claim, Login, Machine, Power, SandboxHost
from drillbook.providers.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Collection

    from drillbook.clock import Clock
    from drillbook.providers.lab.place import LabDrillRange, LabPlace

_POLL = timedelta(milliseconds=50)
_LONG = timedelta(minutes=5)


class FolderSandboxes:
    """Implements `Sandboxes`: a folder that says whose it is, and whom it reaches. The place's `containers_conf` lies in the world's folder."""

    def __init__(self, place: LabPlace, clock: Clock) -> None:
        self._name = place.name
        self._folder = place.containers_conf.parent
        self._clock = clock

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        assert not taken
        return Claim(provider=self._name, host=host, identifier=host, run_id=run_id)

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        assert claim.host == sandbox.host
        folder = self._sandbox(claim.identifier)
        if folder.exists():
            holder = (folder / "owner").read_text(encoding="utf-8").strip()
            raise InfrastructureError(f"The sandbox is held by run {holder}", where=str(folder), remedy="Wait.")
        folder.mkdir(parents=True)
        (folder / "owner").write_text(claim.run_id, encoding="utf-8")
        shutil.copy(self._folder / "controls/network", folder / "network")
        self._hang("sandbox", timeout)
        return Machine(claim.host, claim.identifier, self._name, Power.RUNNING)

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        assert timeout > timedelta()
        return Login({"fake_reached": machine.identifier})

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        self._hang("teardown", timeout)
        if (self._folder / "controls/busy").exists():
            raise InfrastructureError("The sandbox's folder is busy.", where=claim.identifier, remedy="Wait.")
        folder = self._sandbox(claim.identifier)
        if folder.exists() and (folder / "owner").read_text(encoding="utf-8") == claim.run_id:
            shutil.rmtree(folder)

    def _sandbox(self, identifier: str) -> Path:
        return self._folder / "sandboxes" / identifier

    def _hang(self, where: str, timeout: timedelta) -> None:
        hang = self._folder / f"controls/hang-{where}"
        if hang.exists():
            (self._folder / f"controls/hung-{where}").touch()
            late = InfrastructureError(f"{where} was not done in time", where=str(hang), remedy="Remove it.")
            deadline = self._clock.monotonic() + min(timeout, _LONG)
            wait_until(self._clock, lambda: not hang.exists(), deadline=deadline, every=_POLL, late=late)


def open_sandboxes(place: LabPlace, _drill: LabDrillRange, clock: Clock) -> FolderSandboxes:
    return FolderSandboxes(place, clock)


open_removal = open_sandboxes
"""Who removes a machine asks for this one; it removes in the same way."""
