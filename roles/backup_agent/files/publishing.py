"""The store that heartbeats are published in."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

FAILURES = (BotoCoreError, ClientError, OSError)
PROMPT_SECONDS = 0.5

logger = logging.getLogger("heartbeat")


def utc_now() -> str:
    """This host's clock."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Publisher:
    """Puts the newest acknowledged heartbeat into the store, whose own clock dates the object."""

    def __init__(self, settings: dict[str, Any], secrets: dict[str, str]) -> None:
        self.settings = settings
        self.client = open_store(settings["store"], secrets)

    def publish(self, newest: dict[str, Any]) -> None:
        """Write ``<service>/<host>.json``; raises one of ``FAILURES``.

        The store dates what it took at the end. After a lost packet that is seconds later than this host wrote, and this host's
        clock seems to be behind: so what was not taken promptly is written once more.
        """
        took = self._put(newest)
        if took > PROMPT_SECONDS:
            logger.warning("the store took %.1f s for a heartbeat, which is published again", took)
            self._put(newest)

    def _put(self, newest: dict[str, Any]) -> float:
        """Return the seconds that it took."""
        service, host = self.settings["service"], self.settings["host"]
        body = {
            "service": service,
            "host": host,
            "schema": "drillbook.heartbeat/1",
            **newest,
            "published_at": utc_now(),
        }
        bucket = self.settings["store"]["bucket"]
        began = time.monotonic()
        self.client.put_object(Bucket=bucket, Key=f"{service}/{host}.json", Body=json.dumps(body).encode())
        return time.monotonic() - began


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
