"""From a request to an answer, in the order in which a real node decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support.proxmox.access.identity import ROOT, Identity
from tests.support.proxmox.calls import Call, Reply
from tests.support.proxmox.cluster.nodes import check_node
from tests.support.proxmox.engine import Engine, Served
from tests.support.proxmox.errors import HangUpError, PveError, refuse_parameters
from tests.support.proxmox.handlers import HANDLERS
from tests.support.proxmox.schema import Endpoint, load_schema
from tests.support.proxmox.validation import validate

# Calls that need no login.
_OPEN = {("POST", "/access/ticket"), ("GET", "/access/ticket"), ("GET", "/access/domains")}


@dataclass(frozen=True, slots=True)
class Request:
    """What matters of an HTTP request."""

    method: str
    path: str
    parameters: dict[str, Any]
    cookies: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; a body of None is an empty one."""

    status: int
    reason: str
    body: dict[str, Any] | None


class Dispatcher:
    """Answers requests from one cluster, and keeps a list of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._schema = load_schema()

    def answer(self, request: Request) -> Response:
        """Answer one request; raises HangUpError where the connection is to be cut instead."""
        served = Served(request.method, request.path, "", dict(request.parameters), "")
        self._engine.served.append(served)
        try:
            response = self._respond(request, served)
        except PveError as error:
            response = refusal(error)
        except HangUpError:
            served.reason = "connection cut"
            raise
        served.status, served.reason = response.status, response.reason
        return response

    def _respond(self, request: Request, served: Served) -> Response:
        faults = self._engine.faults
        if self._engine.local in faults.offline:
            raise HangUpError
        found = self._schema.find(request.method, request.path)
        given = self._note(found, request, served)
        faults.before(request.method, request.path)
        who = self._identify(request)
        served.user = who.full if who else ""
        if found is None:
            raise PveError(f"Method '{request.method} {request.path}' not implemented", 501)
        endpoint = found[0]
        self._authorise(endpoint, who, request, found[1], given)
        typed, errors = validate(endpoint, given)
        if errors:
            raise refuse_parameters(**errors)
        body = self._handle(endpoint, who, typed)
        if request.method != "GET":
            faults.after(request.method, request.path)
        return Response(200, "OK", body)

    def _note(self, found: tuple[Endpoint, dict[str, str]] | None, request: Request, served: Served) -> dict[str, Any]:
        """Write down what the schema says of the request, whatever is answered in the end."""
        if found is None:
            served.errors = {"": "the schema has no such call"}
            return {}
        endpoint, in_path = found
        given = {**request.parameters, **in_path}
        served.endpoint = endpoint.path
        served.errors = validate(endpoint, given)[1]
        vmid = str(given.get("vmid", ""))
        served.vmid = int(vmid) if vmid.isdigit() else None
        return given

    def _identify(self, request: Request) -> Identity | None:
        if (request.method, request.path) in _OPEN:
            return None
        return self._engine.login.identify(request.cookies, request.headers, writes=request.method != "GET")

    def _authorise(
        self, endpoint: Endpoint, who: Identity | None, request: Request, in_path: dict[str, str], given: dict[str, Any]
    ) -> None:
        if (endpoint.method, endpoint.path) not in HANDLERS:
            raise PveError(
                f"TEST SERVER LACKS '{endpoint.method} {endpoint.path}': the API has this call, tests/support/proxmox has not",
                501,
            )
        for name, value in in_path.items():
            if name in request.parameters and str(request.parameters[name]) != value:
                raise refuse_parameters(
                    **{name: "duplicate parameter (already defined in URI) with conflicting values!"}
                )
        if (endpoint.method, endpoint.path) not in _OPEN:
            self._engine.checks.endpoint(endpoint, who, given)
        if who and who.token and not endpoint.tokens_allowed:
            raise PveError("Permission check failed (API tokens are not allowed here)", 403)
        node = in_path.get("node")
        if node is not None:
            check_node(Call(self._engine), node)
            self._engine.faults.reach(node)

    def _handle(self, endpoint: Endpoint, who: Identity | None, typed: dict[str, Any]) -> dict[str, Any]:
        handler, kind = HANDLERS[(endpoint.method, endpoint.path)]
        data = handler(Call(self._engine, who or ROOT, typed, kind))
        if isinstance(data, Reply):
            return {"data": data.data, **data.extra}
        return {"data": data}


def refusal(error: PveError) -> Response:
    """Write a refusal as HTTP: the message stands in the reason phrase and again in the body."""
    reason = " ".join(error.message.split("\n")).strip()
    if error.bare:
        return Response(error.status, reason, None)
    body: dict[str, Any] = {"data": None, "message": error.message.rstrip("\n") + ("\n" if error.line_feed else "")}
    if error.errors:
        body["errors"] = error.errors
    return Response(error.status, reason, body)
