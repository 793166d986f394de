"""The tests' own door: contents, faults, clock, and the list of requests; nothing here exists in Proxmox VE."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tests.support.proxmox.engine import Engine
from tests.support.proxmox.faults import Answer, Faults
from tests.support.proxmox.state import Files, Program, Volume, dump_state
from tests.support.proxmox.storage.volumes import find_volume

Arguments = dict[str, Any]


class ControlDoor:
    """Does what tests ask of a running cluster."""

    def __init__(self, engine: Engine, state_file: Path | None = None) -> None:
        self._engine = engine
        self._state_file = state_file
        self._actions: dict[str, Callable[[Arguments], Any]] = {
            "state": lambda _: json.loads(dump_state(engine.state)),
            "save": lambda _: self.save(),
            "served": lambda _: [asdict(request) for request in engine.served],
            "forget_served": lambda _: engine.served.clear(),
            "faults": self._set_faults,
            "repair": lambda _: self._repair(),
            "read": self._read,
            "write": self._write,
            "list": lambda arguments: sorted(self._files(arguments)),
            "guest": self._guest,
            "backup": self._backup,
            "clock": self._clock,
            "expire_token": self._expire_token,
        }

    async def act(self, order: Arguments) -> Any:
        """Carry out one order."""
        action = order.pop("action")
        if action == "settle":
            await self._engine.tasks.settle()
            return None
        return self._actions[action](order)

    def save(self) -> None:
        """Write the state to its file."""
        if self._state_file is not None:
            self._state_file.write_bytes(dump_state(self._engine.state))

    def _set_faults(self, arguments: Arguments) -> None:
        for name, value in arguments.items():
            present = getattr(self._engine.faults, name)
            if name == "answers":
                present.extend(Answer(**answer) for answer in value)
            else:
                setattr(self._engine.faults, name, set(value) if isinstance(present, set) else value)

    def _repair(self) -> None:
        sound = Faults()
        for field in fields(Faults):
            setattr(self._engine.faults, field.name, getattr(sound, field.name))

    def _volume(self, arguments: Arguments) -> Volume:
        state = self._engine.state
        node = str(arguments.get("node") or self._engine.local)
        volume = find_volume(self._engine, node, arguments["volid"])
        found = volume or next((one for one in state.volumes.values() if one.volid == arguments["volid"]), None)
        if found is None:
            raise KeyError(arguments["volid"])
        return found

    def _files(self, arguments: Arguments) -> Files:
        """Return a disk's content, or that of a disk in a backup."""
        volume = self._volume(arguments)
        if volume.archive is not None:
            return volume.archive.disks[arguments.get("disk") or next(iter(volume.archive.disks))]
        return volume.files

    def _read(self, arguments: Arguments) -> str | None:
        data = self._files(arguments).get(arguments["path"])
        return None if data is None else b64encode(data).decode()

    def _write(self, arguments: Arguments) -> None:
        self._files(arguments)[arguments["path"]] = b64decode(arguments["data"])

    def _guest(self, arguments: Arguments) -> None:
        """Set what a test cannot reach through the API."""
        guest = self._engine.state.guests[int(arguments.pop("vmid"))]
        for name, value in arguments.items():
            if name == "lock":
                guest.config.pop("lock", None)
                guest.config |= {"lock": value} if value else {}
            elif name == "programs":
                guest.programs |= {command: Program(**program) for command, program in value.items()}
            elif name == "memory":
                guest.memory = {path: b64decode(data) for path, data in value.items()}
            else:
                setattr(guest, name, value)

    def _backup(self, arguments: Arguments) -> None:
        """Set what becomes of a backup without the API: its size, note, verification or damage."""
        volume = self._volume(arguments)
        for name, value in arguments.items():
            if name not in {"volid", "node"}:
                setattr(volume, name, value)

    def _clock(self, arguments: Arguments) -> None:
        self._engine.state.clock_offset += float(arguments["forward"])

    def _expire_token(self, arguments: Arguments) -> None:
        token = self._engine.state.users[arguments["user"]].tokens[arguments["token"]]
        token.expire = self._engine.state.now() - 1
