"""The lab's containers as the restores' contract suite wants them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contract.providers.lab import FILE, HOSTS, MACS

from drillbook.clock import SystemClock
from drillbook.model import BackupNote
from drillbook.providers import open_restores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.providers.lab import LabWorld

    from drillbook.model import Backup, Claim, GuestAnswer

LIMIT = timedelta(seconds=60)


class LabRestoreWorld:
    """Whoever may use podman may do everything, so no credential of the drill is limited."""

    exclusive = True
    limited = False

    def __init__(self, shop: LabWorld) -> None:
        self._shop = shop
        self._backups, self.rules = shop.backups, shop.rules
        self.restores = open_restores(shop.place, SystemClock())
        self.damage, self.lie, self.foreign, self.lose = shop.damage, shop.lie, shop.foreign, shop.lose

    def write(self, host: str, path: str, text: str) -> None:
        self._shop.put(self.identifier(host), path, text)

    def plan(self, host: str, script: str, answer: GuestAnswer | None) -> None:
        """Programs really run."""

    def back_up(self, host: str, run: str) -> Backup:
        (machine,) = self._backups.find((host,))
        note = BackupNote(host, "shop", run, machine.identifier).render()
        return self._backups.back_up(machine, self.rules, note=note, timeout=LIMIT)

    def identifier(self, host: str) -> str:
        return self._shop.name(host)

    def macs(self, host: str) -> frozenset[str]:
        return frozenset({MACS[host]})

    def production(self) -> object:
        return [
            (
                one["Id"], one["Name"], one["State"]["Status"], one["State"]["StartedAt"], one["Config"]["Labels"],
                {name: entry["MacAddress"] for name, entry in one["NetworkSettings"]["Networks"].items()},
                {path.name: path.read_text() for path in self._disk(one).glob(f"{FILE.lstrip('/')}*")},
            )
            for one in self._shop.inspect_all(*sorted(self._shop.names() & self._own()))
        ]  # fmt: skip

    @staticmethod
    def _disk(running: Any) -> Path:
        return Path(running["GraphDriver"]["Data"]["MergedDir"])

    def others(self) -> frozenset[str]:
        return frozenset(self._shop.names() - self._own())

    def intrude(self, claim: Claim) -> None:
        self._shop.add(claim.identifier, "somebody-else", f"--network={self._shop.production}")

    def outside(self, claim: Claim) -> Sequence[str]:
        name, prefix = claim.identifier, self._shop.prefix
        others = (f"{prefix}-drill-", f"{prefix}-drill", f"x{name}", name.removeprefix(f"{prefix}-"), "")
        tricks = (f"{name}/../{prefix}-shop-db", f"{name} {prefix}-shop-db", f"{name}\n", f"--{name}", f"{name}*")
        return (*others, *tricks, *(self._shop.inspect(one)["Id"] for one in self._shop.names()))

    def strengthen(self, host: str) -> None:
        raise AssertionError(f"nothing limits podman, so nothing can be added for {host}")

    def _own(self) -> set[str]:
        return {self._shop.name(host) for host in HOSTS}
