"""The interfaces of EC2 and Systems Manager: one client for all threads, all pages, and errors as ours."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import boto3
import stamina
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from drillbook.credentials import read_credentials
from drillbook.errors import (
    ConfigurationError,
    DrillbookError,
    InfrastructureError,
    MalformedDataError,
    RefusedError,
    UnknownOutcomeError,
)
from drillbook.providers.ec2.answers import complete
from drillbook.providers.ec2.place import Ec2Place

_Answer = TypeVar("_Answer")
AwsService = Literal["ec2", "ssm"]
_CREDENTIALS = frozenset(
    {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "RequestExpired"}
)
UNAUTHORIZED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_DENIED = UNAUTHORIZED | {"OptInRequired"}
_UNSUPPORTED = frozenset({"UnsupportedOperation", "InvalidAction", "UnknownOperation"})
_TAKEN = frozenset({"InvalidAMIName.Duplicate"})
_THROTTLED = frozenset({"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled"})
"""Nothing was done: asked too often (docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html; the others are botocore's list)."""
_ATTEMPTS = 6
_CONNECTIONS = 32
_SERVER_FAULT = 500
_AT_ONCE = 200
"""EC2 takes that many values in a filter."""
_REFUSED: Mapping[str, str] = {
    "InvalidSnapshot.InUse": "An image is made of it: deregister that first.",
    "SnapshotCreationPerVolumeRateExceeded": "AWS allows one snapshot of a volume in 15 seconds: wait, and run again.",
    "SnapshotLimitExceeded": "Prune, or ask for a higher quota.",
    "ConcurrentSnapshotLimitExceeded": "EC2 takes a few of one volume at once: wait for its pending ones, and run again.",
    "VolumeLimitExceeded": "Ask for a higher quota.",
    "AMIQuotaExceeded": "Prune, or ask for a higher quota.",
    "ResourceLimitExceeded": "Prune, wait for copies that are under way, or ask for a higher quota.",
    "OperationNotPermitted": "Take the protection of the instance away first.",
}


class UnsupportedError(InfrastructureError):
    """This cloud does not know the call."""


class Ec2Api:
    """Calls; a throttled one is repeated by botocore with growing pauses.

    ``user`` is the file in the place's credentials directory that holds the keys of who asks, ``service`` which interface is
    asked: ``ec2`` or ``ssm``.
    """

    def __init__(self, place: Ec2Place, user: str, service: AwsService = "ec2") -> None:
        self._place = place
        self._user = user
        self._service = service
        self._clients: dict[int, Any] = {}
        self._lock = threading.Lock()

    @property
    def region(self) -> str:
        """The region that is asked."""
        return self._place.region

    def in_region(self, region: str) -> "Ec2Api":
        """The same, asking another region."""
        return Ec2Api(self._place.model_copy(update={"region": region}), self._user, self._service)

    def of_service(self, service: AwsService) -> "Ec2Api":
        """The same user, asking another interface of the region."""
        return Ec2Api(self._place, self._user, service)

    def call(self, ask: Callable[[Any], _Answer], what: str) -> _Answer:
        """Give the client to ``ask`` and return its answer; raises DrillbookError."""
        return self._ask(self._client(_ATTEMPTS), ask, what)

    def once(self, ask: Callable[[Any], _Answer], what: str) -> _Answer:
        """As `call`, and repeated only when throttled: for what EC2 would do twice.

        Raises UnknownOutcomeError where it may have been done.
        """
        try:
            for attempt in stamina.retry_context(on=_was_throttled, attempts=_ATTEMPTS, wait_max=20.0, timeout=None):
                with attempt:
                    return self._ask(self._client(1), ask, what)
        except DrillbookError as error:
            cause = error.__cause__
            lost = isinstance(cause, HTTPClientError | ResponseParserError) or (
                isinstance(cause, ClientError)
                and cause.response["Error"]["Code"] not in _THROTTLED
                and (
                    cause.response["ResponseMetadata"].get("HTTPStatusCode", 0) >= _SERVER_FAULT
                    or cause.response["Error"]["Code"] in _TAKEN
                )
            )
            if not lost:
                raise
            raise UnknownOutcomeError(
                f"it may have been done all the same: {error.message}",
                where=f"{self._place.name}, {what}",
                remedy="Look at what is there before you ask again.",
            ) from cause
        raise AssertionError("stamina always returns or raises")  # pragma: no cover

    def _ask(self, client: Any, ask: Callable[[Any], _Answer], what: str) -> _Answer:
        try:
            return complete(ask(client), f"{self._place.name}, {what}")
        except ClientError as error:
            raise self._fault(error, what) from error
        except UnicodeError as error:
            raise MalformedDataError(
                "an earlier answer named it in characters that can't be sent back",
                where=f"{self._place.name}, {what}",
                remedy="See what answers at the endpoint.",
            ) from error
        except (BotoCoreError, ResponseParserError) as error:
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

    def _client(self, attempts: int) -> Any:
        """Clients may be shared by threads, sessions may not; making one takes a third of a second."""
        with self._lock:
            if attempts not in self._clients:
                self._clients[attempts] = _connect(self._place, self._user, attempts, self._service)
            return self._clients[attempts]

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
        if code in _UNSUPPORTED:
            return UnsupportedError(f"{message} ({code})", where=where, remedy="Use a place that has it.")
        if code in _REFUSED:
            return RefusedError(f"{message} ({code})", where=where, remedy=_REFUSED[code])
        return InfrastructureError(f"{message} ({code})", where=where, remedy="See the account's events and quotas.")


def _was_throttled(error: Exception) -> bool:
    return isinstance(error, DrillbookError) and code_of(error) in _THROTTLED


def code_of(error: DrillbookError) -> str:
    """What the service called the error; "" where the service was not what failed."""
    cause = error.__cause__
    return str(cause.response["Error"]["Code"]) if isinstance(cause, ClientError) else ""


def in_lots(values: Sequence[str]) -> Iterator[list[str]]:
    """As many of them at once as EC2 takes in a filter."""
    for start in range(0, len(values), _AT_ONCE):
        yield list(values[start : start + _AT_ONCE])


def _connect(place: Ec2Place, user: str, attempts: int, service: AwsService) -> Any:
    keys: dict[str, Any] = _read_keys(place.credentials_directory / user) if place.credentials_directory else {}
    return boto3.session.Session(**keys).client(
        service,
        region_name=place.region,
        endpoint_url=place.endpoint,
        verify=str(place.ca_file) if place.ca_file else True,
        config=Config(
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        ),
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
