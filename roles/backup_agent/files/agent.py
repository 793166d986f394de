#!/usr/bin/env python3
"""Heartbeats of one service on one host, by which restored data says how old it is; see the role backup_agent.

A heartbeat has a counter (the greatest plus one) and a clock's time. What writes it is the driver of its kind (kinds/). The
agent logs what is acknowledged and publishes the newest.

Each work has a thread of its own, so that none waits for another: a heartbeat that waits for a standby must not stop the
publishing, whose clock is compared with the store's, and a store that does not answer must not stop the heartbeats.

What a driver finds from before the machine's start is published first, and only then a new one is written. So a copy of the
machine that a drill starts in isolation, where it reaches no store, leaves what is to be read from it as the backup had it.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acknowledged import AcknowledgedLog
from kinds import Chore, NotAcknowledgedError, Start
from publishing import FAILURES, Publisher

if TYPE_CHECKING:
    from kinds import AnyHeartbeat

logger = logging.getLogger("heartbeat")


class Agent:
    """The newest acknowledged heartbeat, None where there is none to publish, and what is done with it.

    ``begun`` exists from the moment that this start of the machine may write.
    """

    def __init__(
        self, settings: dict[str, Any], secrets: dict[str, str], publisher: Publisher, log: AcknowledgedLog, begun: Path
    ) -> None:
        self.publisher = publisher
        self.log = log
        self.begun = begun
        self.driver: AnyHeartbeat = importlib.import_module(f"kinds.{settings['kind']}").Heartbeat(
            settings, secrets, Start(log.newest(), goes_on=begun.exists())
        )
        self.newest = self.driver.found
        if self.newest is None:
            begun.touch()
        elif not begun.exists():
            logger.info(
                "heartbeat %s is of an earlier start; the next follows once the store has it", self.newest["counter"]
            )

    def beat(self) -> None:
        """Let the driver write one heartbeat, and log it once it is acknowledged."""
        if not self.begun.exists():
            return
        self.newest = self.driver.beat()
        if self.newest is not None:
            self.log.note(self.newest)
            self.driver.tidy(self.newest)

    def publish(self) -> None:
        """Publish the newest acknowledged heartbeat; the first time it says that this machine is no isolated copy."""
        newest = self.newest
        if newest is not None:
            self.publisher.publish(newest)
            self.begun.touch()


def attempt(chore: Chore, failures: tuple[type[Exception], ...]) -> None:
    """Do it once; what fails is said."""
    try:
        chore.work()
    except failures as error:
        logger.warning("%s: %s", chore.failing, (str(error).strip() or repr(error)).splitlines()[0])


def repeat(chore: Chore, failures: tuple[type[Exception], ...]) -> None:
    """Do it for ever, at a steady pace; what fails is tried again at the next turn."""
    due = time.monotonic()
    while True:
        attempt(chore, failures)
        due = max(due + chore.seconds, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def begin(chore: Chore, failures: tuple[type[Exception], ...]) -> None:
    """Repeat it in a thread of its own."""
    threading.Thread(target=repeat, args=(chore, failures), daemon=True).start()


def give_up(failure: threading.ExceptHookArgs) -> None:
    """End the whole process when a thread fails unexpectedly."""
    logger.critical("the agent gives up: %s: %s", failure.exc_type.__name__, failure.exc_value)
    os._exit(1)


def main() -> None:
    """Start the threads; systemd ends them with the process. An unexpected error ends it too, and it is restarted."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    settings, secrets = (json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:3])
    log = Path(os.environ["LOGS_DIRECTORY"]) / f"heartbeat-{settings['service']}.jsonl"
    begun = Path(os.environ["RUNTIME_DIRECTORY"]) / "begun"
    agent = Agent(
        settings, secrets, Publisher(settings, secrets), AcknowledgedLog(log, host=settings["host"]), begun=begun
    )
    failures = (NotAcknowledgedError, *agent.driver.failures, *FAILURES)
    threading.excepthook = give_up
    publishing = Chore(agent.publish, settings["publish_interval_seconds"], "not published")
    beating = Chore(agent.beat, settings["interval_seconds"], "no heartbeat")
    # By the first beat there is something to publish, and a driver's chores know whether this server is the primary. Before it
    # their first turn would be lost.
    attempt(beating, failures)
    for chore in (publishing, *agent.driver.chores()):
        begin(chore, failures)
    repeat(beating, failures)


if __name__ == "__main__":
    main()
