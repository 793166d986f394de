"""moto as a server. What it keeps is one for the whole process, so each begins with nothing, and leaves nothing to the next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import requests
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def moto_server() -> Iterator[str]:
    """Its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        forget(address)
        yield address
        forget(address)
    finally:
        server.stop()


def forget(address: str) -> None:
    """All that was made there."""
    requests.post(f"{address}/moto-api/reset", timeout=60).raise_for_status()
