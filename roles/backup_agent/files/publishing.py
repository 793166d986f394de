"""What both kinds of heartbeat share: the store that they are published in, and work repeated at a steady pace."""

from __future__ import annotations

import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

logger = logging.getLogger("heartbeat")

FAILURES = (BotoCoreError, ClientError, OSError)


def utc_now() -> str:
    """This host's clock."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Publisher:
    """Puts the newest acknowledged heartbeat into the store, whose own clock dates the object."""

    def __init__(self, settings: dict[str, Any], secrets: dict[str, str]) -> None:
        self.settings = settings
        self.client = open_store(settings["store"], secrets)

    def publish(self, newest: dict[str, Any]) -> None:
        """Write ``<service>/<host>.json``; raises one of ``FAILURES``."""
        service, host = self.settings["service"], self.settings["host"]
        body = {
            "service": service,
            "host": host,
            "schema": "drillbook.heartbeat/1",
            **newest,
            "published_at": utc_now(),
        }
        bucket = self.settings["store"]["bucket"]
        self.client.put_object(Bucket=bucket, Key=f"{service}/{host}.json", Body=json.dumps(body).encode())


def open_store(store: dict[str, str], secrets: dict[str, str]) -> Any:
    """A client that gives up soon."""
    return boto3.client(
        "s3",
        endpoint_url=store["endpoint"],
        region_name=store["region"],
        verify=store["ca_file"],
        aws_access_key_id=secrets["access_key"],
        aws_secret_access_key=secrets["secret_key"],
        config=Config(
            connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
        ),
    )


def repeat(
    work: Callable[[], None], seconds: float, failing: str, failures: tuple[type[Exception], ...] = FAILURES
) -> None:
    """Do it for ever, at a steady pace; what fails is said and tried again at the next turn."""
    due = time.monotonic()
    while True:
        try:
            work()
        except failures as error:
            logger.warning("%s: %s", failing, (str(error).strip() or repr(error)).splitlines()[0])
        due = max(due + seconds, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))


def give_up(failure: threading.ExceptHookArgs) -> None:
    """End the whole process when a thread fails unexpectedly."""
    logger.critical("the agent gives up: %s: %s", failure.exc_type.__name__, failure.exc_value)
    os._exit(1)
