"""The EC2 interface: a client per thread, all pages, and errors as ours."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from drillbook.credentials import read_credentials
from drillbook.errors import ConfigurationError, DrillbookError, InfrastructureError, RefusedError
from drillbook.model import Ec2Place

_Answer = TypeVar("_Answer")
_CREDENTIALS = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "RequestExpired"}
)
_DENIED = frozenset({"UnauthorizedOperation", "AccessDenied", "OptInRequired"})
_REFUSED: Mapping[str, str] = {
    "InvalidSnapshot.InUse": "An image is made of it: deregister that first.",
    "SnapshotCreationPerVolumeRateExceeded": "AWS allows one snapshot of a volume in 15 seconds: wait, and run again.",
    "SnapshotLimitExceeded": "Prune, or ask for a higher quota.",
    "ConcurrentSnapshotLimitExceeded": "Lower drillbook_machines_at_once, or wait for the pending ones.",
    "VolumeLimitExceeded": "Ask for a higher quota.",
    "OperationNotPermitted": "Take the protection of the instance away first.",
}


class Ec2Api:
    """Calls; a throttled one is repeated by botocore with growing pauses."""

    def __init__(self, place: Ec2Place) -> None:
        self._place = place
        self._local = threading.local()

    def call(self, ask: Callable[[Any], _Answer], what: str) -> _Answer:
        """Give the client to ``ask`` and return its answer; raises DrillbookError."""
        try:
            return ask(self._client())
        except ClientError as error:
            raise self._fault(error, what) from error
        except BotoCoreError as error:
            raise InfrastructureError(
                f"EC2 can't be asked: {error}",
                where=f"{self._place.name}, {what}",
                remedy="See that the endpoint is right and answers, and that there are credentials.",
            ) from error

    def pages(self, operation: str, key: str, **parameters: Any) -> list[Mapping[str, Any]]:
        """Return the entries under ``key`` of all pages of an operation."""

        def ask(client: Any) -> list[Mapping[str, Any]]:
            found = client.get_paginator(operation).paginate(**parameters)
            return [entry for page in found for entry in page.get(key, ())]

        return self.call(ask, operation)

    def _client(self) -> Any:
        if not hasattr(self._local, "client"):
            self._local.client = _connect(self._place)
        return self._local.client

    def _fault(self, error: ClientError, what: str) -> DrillbookError:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        where = f"{self._place.name}, {what}"
        if code in _CREDENTIALS:
            return ConfigurationError(
                f"EC2 does not accept the credentials ({code})", where=where, remedy="Give valid ones."
            )
        if code in _DENIED:
            return ConfigurationError(
                f"the credentials may not do that: {message}", where=where, remedy="Add that action to their policy."
            )
        if code in _REFUSED:
            return RefusedError(f"{message} ({code})", where=where, remedy=_REFUSED[code])
        return InfrastructureError(f"{message} ({code})", where=where, remedy="See the account's events and quotas.")


def tags_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """An entry's tags."""
    return {tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())}


def _connect(place: Ec2Place) -> Any:
    keys: dict[str, Any] = _read_keys(place.credentials_file) if place.credentials_file else {}
    return boto3.session.Session(**keys).client(
        "ec2",
        region_name=place.region,
        endpoint_url=place.endpoint,
        verify=str(place.ca_file) if place.ca_file else True,
        config=Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 6}),
    )


def _read_keys(path: Path) -> dict[str, str]:
    access_key, secret_key = read_credentials(
        path,
        ("access_key", "secret_key"),
        what="the keys",
        remedy="Write {access_key, secret_key} there, mode 0600.",
        fault=ConfigurationError,
    )
    return {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
