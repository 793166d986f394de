"""Clients of S3 (Ceph RGW, AWS): short timeouts, path style, TLS verified, checksums only where the protocol asks for them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook.credentials import read_credentials
from drillbook.errors import InfrastructureError
from drillbook.model import ObjectStore

CONNECT_TIMEOUT = timedelta(seconds=5)
READ_TIMEOUT = timedelta(seconds=20)
_ATTEMPTS = 2


def user_keys(directory: Path, user: str) -> tuple[str, str]:
    """Return access key and secret key of a user; raises InfrastructureError, never naming the content."""
    access_key, secret_key = read_credentials(
        directory / f"{user}.json",
        ("access_key", "secret_key"),
        what=f"the credentials of {user}",
        remedy="Run the playbook that configures the object store, or put the file there with mode 0600.",
        fault=InfrastructureError,
    )
    return access_key, secret_key


def client_of(store: ObjectStore, user: str) -> Any:
    """Make a client of a user, by whom the store is tried with what no store accepts: nothing is checked before it is sent."""
    return make_client(
        store.endpoint,
        store.region,
        store.ca_file,
        user_keys(store.credentials_directory, user),
        attempts=_ATTEMPTS,
        parameter_validation=False,
    )


def make_client(
    endpoint: str | None,
    region: str,
    ca_file: Path | None,
    keys: tuple[str, str],
    *,
    attempts: int,
    timeouts: tuple[timedelta, timedelta] = (CONNECT_TIMEOUT, READ_TIMEOUT),
    parameter_validation: bool = True,
) -> Any:
    """Make a client of these keys (access, secret). boto3 makes its types at run time. ``timeouts`` are for connecting and reading."""
    import boto3  # noqa: PLC0415 - it takes a while to load, and most verbs ask no store
    from botocore.config import Config  # noqa: PLC0415 - the same

    connect, read = timeouts
    session = boto3.session.Session(aws_access_key_id=keys[0], aws_secret_access_key=keys[1], region_name=region)
    return session.client(
        "s3",
        endpoint_url=endpoint,
        verify=str(ca_file) if ca_file else True,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=connect.total_seconds(),
            read_timeout=read.total_seconds(),
            retries={"total_max_attempts": attempts},
            parameter_validation=parameter_validation,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
