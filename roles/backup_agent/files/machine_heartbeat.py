#!/usr/bin/env python3
"""Heartbeats of a machine: a file inside it, by which a restored copy says how old it is; see the role backup_agent.

A heartbeat has a counter (the greatest plus one) and the machine's own clock. It is acknowledged once it would survive a
loss of power: then it is logged, and the newest one is published.

A copy of the machine that a drill starts elsewhere runs this, too. It must not write over what is to be read from it, so
after each start of the machine the newest heartbeat there is is published first, and only then a new one is written: a
copy in isolation reaches no store, and leaves its file as the backup had it. A machine that was put back in its own place
does reach the store; so each heartbeat names, as ``before_start``, the newest one that this start of the machine found.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from publishing import Publisher, give_up, repeat, utc_now

logger = logging.getLogger("heartbeat")

SCHEMA = "drillbook.heartbeat/1"


class MachineHeartbeat:
    """The newest acknowledged heartbeat, None where there never was one, and what makes the next.

    ``log`` is where each acknowledged one is noted; ``begun`` exists from the moment that this start of the machine may write.
    """

    def __init__(self, settings: dict[str, Any], publisher: Publisher, log: Path, begun: Path) -> None:
        self.settings = settings
        self.publisher = publisher
        self.log = log
        self.begun = begun
        self.file = Path(settings["file"])
        self.newest = max(self.found(), key=lambda one: int(one["counter"]), default=None)
        self.before_start = before_start(self.file) if begun.exists() else self.newest
        if self.newest is None:
            begun.touch()
        elif not begun.exists():
            logger.info(
                "heartbeat %s is of an earlier start; the next follows once the store has it", self.newest["counter"]
            )

    def found(self) -> list[dict[str, Any]]:
        """What file and log still tell: the file may be torn or gone, the log may have been turned over."""
        texts = [read(self.file)]
        for log in (self.log, self.log.with_name(f"{self.log.name}.1")):
            texts += read(log).splitlines()[-2:]  # the last line may be torn
        return [heartbeat for text in texts if (heartbeat := parsed(text))]

    def beat(self) -> None:
        """Write one heartbeat; raises OSError where it could not be kept, and then it is not acknowledged."""
        if not self.begun.exists():
            return
        # The time first: whatever was kept on the disk before it, a backup that holds the heartbeat holds, too.
        moment = utc_now()
        counters = [int(one["counter"]) for one in (parsed(read(self.file)), self.newest) if one]
        heartbeat = {"counter": max(counters, default=0) + 1, "written_at": moment}
        owner = {"service": self.settings["service"], "host": self.settings["host"]}
        keep(self.file, json.dumps({"schema": SCHEMA, **owner, **heartbeat, "before_start": self.before_start}) + "\n")
        self.newest = heartbeat
        with self.log.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**heartbeat, "host": self.settings["host"]}) + "\n")

    def publish(self) -> None:
        """Publish the newest acknowledged heartbeat; the first time it says that this machine is no isolated copy."""
        newest = self.newest
        if newest is not None:
            self.publisher.publish(newest)
            self.begun.touch()


def keep(path: Path, text: str) -> None:
    """Replace a file's content so that after a loss of power the old or the new one is there, and the new one on return."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o644)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read(path: Path) -> str:
    """The file's text, "" where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def before_start(file: Path) -> dict[str, Any] | None:
    """What an agent that was restarted meanwhile has written there."""
    try:
        return parsed(json.dumps(json.loads(read(file))["before_start"]))
    except (ValueError, KeyError, TypeError):
        return None


def parsed(text: str) -> dict[str, Any] | None:
    """Counter and time of a heartbeat; None where the text is torn."""
    try:
        found = json.loads(text)
        return {"counter": int(found["counter"]), "written_at": str(found["written_at"])}
    except (ValueError, KeyError, TypeError):
        return None


def main() -> None:
    """Publish in a thread of its own, so that a store that does not answer stops no heartbeat; systemd ends both."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    settings, secrets = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    agent = MachineHeartbeat(
        settings,
        Publisher(settings, secrets),
        log=Path(os.environ["LOGS_DIRECTORY"]) / "machine-heartbeat.jsonl",
        begun=Path(os.environ["RUNTIME_DIRECTORY"]) / "begun",
    )
    threading.excepthook = give_up
    publishing = (agent.publish, settings["publish_interval_seconds"], "not published")
    threading.Thread(target=repeat, args=publishing, daemon=True).start()
    repeat(agent.beat, settings["interval_seconds"], "no heartbeat")


if __name__ == "__main__":
    main()
