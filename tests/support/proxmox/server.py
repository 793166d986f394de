"""A test server in a thread of the test, or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Self

from aiohttp import web
from tests.support.proxmox.app import build_app
from tests.support.proxmox.certificate import Certificate, make_certificate
from tests.support.proxmox.client import Control
from tests.support.proxmox.control import ControlDoor
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.guests.bodies import Bodies
from tests.support.proxmox.layout import empty_cluster
from tests.support.proxmox.state import State

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_SECONDS = 60


async def listen(engine: Engine, door: ControlDoor, certificate: Certificate, port: int) -> tuple[web.AppRunner, int]:
    """Serve on the loopback; returns what to close and the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    runner = web.AppRunner(build_app(engine, door), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    return runner, int(runner.addresses[0][1])


async def close(runner: web.AppRunner) -> None:
    """End the service; connections that clients keep open are cut, for nobody will answer on them."""
    for connection in runner.server.connections if runner.server else []:
        if connection.transport is not None:
            connection.transport.abort()
    await asyncio.sleep(0)
    await runner.cleanup()


class ProxmoxServer:
    """A server in a thread; the state that it was given is the one that it changes."""

    def __init__(self, state: State | None = None, bodies: Bodies | None = None) -> None:
        self.state = state or empty_cluster()
        self._bodies = bodies
        self.port = 0
        self._directory = tempfile.TemporaryDirectory(prefix="drillbook-pve-")
        self._certificate = make_certificate(Path(self._directory.name))
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """Where the server listens, without the API's prefix."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> str:
        """The certificate to trust."""
        return str(self._certificate.certificate)

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256."""
        return self._certificate.fingerprint

    @property
    def control(self) -> Control:
        """The tests' own door."""
        return Control(self.url, self.ca)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        engine = Engine(self.state)
        engine.bodies = self._bodies
        runner, self.port = await listen(engine, ControlDoor(engine), self._certificate, 0)
        self._ready.set()
        await self._stop.wait()
        for upid in list(engine.tasks.running):
            engine.tasks.stop(upid)
        await engine.tasks.settle()
        await close(runner)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_SECONDS):
            raise TimeoutError("the Proxmox VE test server does not start")
        return self

    def __exit__(self, *_failure: object) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_TIMEOUT_SECONDS)
        self._directory.cleanup()


class ProxmoxProcess:
    """A server as a process, for clients that must survive or share it."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.support.proxmox", "--port", "0", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self.url, self.ca, self.fingerprint = str(told["url"]), str(told["ca"]), str(told["fingerprint"])
        self.control = Control(self.url, self.ca)

    def __enter__(self) -> Self:
        """Use the running process."""
        return self

    def __exit__(self, *_failure: object) -> None:
        """End it; the state file is written on the way out."""
        self._process.terminate()
        self._process.wait(START_TIMEOUT_SECONDS)
        for stream in (self._process.stdout, self._process.stdin):
            if stream is not None:
                stream.close()
