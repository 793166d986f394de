"""The command line with the fake kind: `python -m tests.support.fake_kind.driver FOLDER drill run fake-latest --json`.

All is real but the object store: the heartbeats that lie there, and what its credentials may, are files of the folder.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.fake_kind.kind import FAKE

from drillbook.app import App
from drillbook.cli import options
from drillbook.cli.main import main
from drillbook.errors import RefusedError
from drillbook.journal.journal import EventType
from drillbook.kinds.registry import KINDS
from drillbook.model import Check, CheckStatus, Heartbeat, Mode, PublishedHeartbeats, Service, Stage
from drillbook.providers import registry

if TYPE_CHECKING:
    from drillbook.journal.journal import Reporter, RunEvent
    from drillbook.run.runner import DrillRunner

BASE = "DRILLBOOK_TEST_FOLDER"
HELD = {EventType.DECLARED: "declare", EventType.TEARDOWN: "removal"}
"""Where a run itself can be held: after its declaration, and before the first thing is removed."""


class FolderStore:
    """Says what the folder says of the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prove(self, _mode: Mode) -> tuple[Check, ...]:
        if (self._folder / "refused").exists():
            raise RefusedError("repository_reader may put an object", where="bucket repository", remedy="Take it away.")
        return (Check(name="reader only reads", stage=Stage.GATE, status=CheckStatus.PASSED),)

    def published(self) -> PublishedHeartbeats:
        entries: list[dict[str, Any]] = json.loads((self._folder / "published.json").read_text(encoding="utf-8"))
        return PublishedHeartbeats(tuple(Heartbeat.from_fact(entry) for entry in entries))


class FolderApp(App):
    """The real wiring with a folder for a store, and a run that can be held between its steps."""

    def __init__(self, inventories: Sequence[Path]) -> None:
        self._folder = Path(os.environ[BASE])
        super().__init__(inventories, root=self._folder / "root")
        self._store = FolderStore(self._folder / "controls")

    def preflight(self) -> FolderStore:  # type: ignore[override] # the same question, asked of a folder
        return self._store

    def published(self, service: Service) -> PublishedHeartbeats:  # noqa: ARG002 - the folder has one service only
        return self._store.published()

    def runner(self, reporters: tuple["Reporter", ...] = ()) -> "DrillRunner":
        return super().runner((*reporters, self._hold))

    def _hold(self, event: "RunEvent") -> None:
        where = HELD.get(event.type, "")
        if where and (self._folder / f"controls/hang-{where}").exists():
            (self._folder / f"controls/hung-{where}").touch()
            time.sleep(300)


def call() -> None:
    """What the arguments say, of a world's folder and of `drillbook`."""
    KINDS[FAKE.name] = FAKE
    os.environ[BASE] = sys.argv.pop(1)
    setattr(options, "App", FolderApp)  # noqa: B010 - what the verbs open; a type checker rightly takes it for a constant
    main()


if __name__ == "__main__":
    registry._OPENERS["lab"] = "tests.support.fake_kind.provider"
    call()
