"""The HTTP side: the API under /api2/json, and the tests' own door beside it."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from tests.support.proxmox.control import ControlDoor
from tests.support.proxmox.dispatch import Dispatcher, Request
from tests.support.proxmox.engine import Engine
from tests.support.proxmox.errors import HangUpError

PREFIX = "/api2/json"
CONTENT_TYPE = "application/json;charset=UTF-8"
LARGEST_BODY = 64 << 20
# What pveproxy reads of a call, encoded as it comes; files are uploaded another way.
LARGEST_CALL = 64 << 10


def build_app(engine: Engine, door: ControlDoor) -> web.Application:
    """Put the two doors into one application."""
    dispatcher = Dispatcher(engine)

    async def api(request: web.Request) -> web.StreamResponse:
        if (request.content_length or 0) > LARGEST_CALL and request.content_type != "multipart/form-data":
            await request.read()
            return web.Response(status=501, reason="for data too large")
        parameters = await _parameters(request)
        try:
            answer = dispatcher.answer(
                Request(
                    request.method,
                    request.path.removeprefix(PREFIX) or "/",
                    parameters,
                    dict(request.cookies),
                    {name.lower(): value for name, value in request.headers.items()},
                )
            )
        except HangUpError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if answer.body is None:
            bare = web.Response(status=answer.status, reason=answer.reason)
            bare.headers.pop("Content-Type", None)
            return bare
        body = json.dumps(answer.body).encode()
        return web.Response(
            status=answer.status, reason=answer.reason, body=body, headers={"Content-Type": CONTENT_TYPE}
        )

    async def control(request: web.Request) -> web.Response:
        return web.json_response(await door.act(await request.json()))

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", PREFIX + "{path:.*}", api)
    app.router.add_post("/control", control)
    return app


async def _parameters(request: web.Request) -> dict[str, Any]:
    """Return query and body as one; a name given several times is a list."""
    collected: dict[str, Any] = {}
    pairs: list[tuple[str, Any]] = list(request.query.items())
    if request.content_type == "application/json":
        body = await request.text()
        collected |= json.loads(body) if body.strip() else {}
    elif request.can_read_body:
        pairs += (await request.post()).items()
    for name, value in pairs:
        if name in collected:
            former = collected[name]
            collected[name] = [*former, value] if isinstance(former, list) else [former, value]
        else:
            collected[name] = value
    return collected
