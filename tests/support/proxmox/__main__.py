"""Run the test server as a process: one JSON line says where it listens, SIGTERM ends it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from pathlib import Path

from tests.support.proxmox.certificate import make_certificate
from tests.support.proxmox.control import ControlDoor
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.layout import cluster
from tests.support.proxmox.server import close, listen
from tests.support.proxmox.state import State, load_state


def _begin(arguments: argparse.Namespace) -> State:
    if arguments.state and arguments.state.exists():
        return load_state(arguments.state.read_bytes())
    return cluster(arguments.nodes, arguments.guests)


async def _serve(arguments: argparse.Namespace, directory: Path) -> None:
    certificate = make_certificate(directory)
    engine = Engine(_begin(arguments))
    door = ControlDoor(engine, arguments.state)
    runner, port = await listen(engine, door, certificate, arguments.port)
    told = {
        "url": f"https://127.0.0.1:{port}",
        "ca": str(certificate.certificate),
        "fingerprint": certificate.fingerprint,
    }
    print(json.dumps(told), flush=True)  # noqa: T201 - whoever started the process reads this line
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await stop.wait()
    door.save()
    await close(runner)


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.proxmox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on the loopback; 0 takes a free one")
    parser.add_argument("--state", type=Path, help="JSON file to begin with, where it exists, and to write at the end")
    parser.add_argument("--nodes", type=int, default=1, help="nodes of a cluster that begins without a state file")
    parser.add_argument("--guests", type=int, default=0, help="machines on each of them")
    with tempfile.TemporaryDirectory(prefix="drillbook-pve-") as directory:
        asyncio.run(_serve(parser.parse_args(), Path(directory)))


if __name__ == "__main__":
    main()
