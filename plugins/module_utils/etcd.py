"""The JSON gateway of etcd, spoken with as a user: etcdctl takes a password in its arguments or its environment alone."""

from __future__ import annotations

import base64
import json
import ssl
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

ROOT = "root"
CALL_SECONDS = 15
NOT_ENABLED = "authentication is not enabled"
WRONG = "authentication failed"
TLS_ARGUMENTS: dict[str, Any] = {
    "endpoints": {"type": "list", "elements": "str", "required": True},
    "ca_path": {"type": "path", "required": True},
    "client_cert": {"type": "path", "required": True},
    "client_key": {"type": "path", "required": True, "no_log": False},
}


class EtcdError(Exception):
    """What etcd answered instead of doing it."""


class Etcd:
    """The JSON gateway of the first member that answers, as nobody until somebody logged in."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        """By the arguments of `TLS_ARGUMENTS`; raises EtcdError where a file can't be read."""
        self._endpoints = [one.rstrip("/") for one in wanted["endpoints"]]
        try:
            context = ssl.create_default_context(cafile=wanted["ca_path"])
            context.load_cert_chain(wanted["client_cert"], wanted["client_key"])
        except OSError as error:
            message = f"{error.filename or wanted['ca_path']} can't be read as a certificate or key: {error}"
            raise EtcdError(message) from None
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
        self._token = ""

    def call(self, path: str, **body: Any) -> dict[str, Any]:
        """One call; raises EtcdError with etcd's words."""
        while True:
            try:
                return self._ask(self._endpoints[0], path, body)
            except (OSError, HTTPException, ValueError) as error:
                if len(self._endpoints) == 1:
                    message = f"{self._endpoints[0]} does not answer: {getattr(error, 'reason', error)}"
                    raise EtcdError(message) from None
                del self._endpoints[0]

    def _ask(self, endpoint: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **({"Authorization": self._token} if self._token else {})}
        asked = Request(f"{endpoint}/v3{path}", json.dumps(body).encode(), headers)  # noqa: S310 - the inventory's own endpoints
        try:
            with self._opener.open(asked, timeout=CALL_SECONDS) as answer:
                found = json.load(answer)
        except HTTPError as error:
            raise EtcdError(said(error.read())) from None
        if isinstance(found, dict):
            return found
        message = "its answer is no JSON object"
        raise ValueError(message)

    def log_in(self, name: str, password: str) -> None:
        """Be this user from now on, where authentication is on; raises EtcdError for a wrong password."""
        if password and self.knows(name, password) is False:
            message = f"etcd does not take the password of {name}"
            raise EtcdError(message)

    def forget(self) -> None:
        """Be nobody again: a change of a password ends what its user had."""
        self._token = ""

    def knows(self, name: str, password: str) -> bool | None:
        """Whether that is the user's password; None where authentication is off. The first who logs in stays who asks."""
        try:
            token = self.call("/auth/authenticate", name=name, password=password)["token"]
        except EtcdError as error:
            if NOT_ENABLED in str(error):
                return None
            if WRONG in str(error):
                return False
            raise
        self._token = self._token or str(token)
        return True


def said(body: bytes) -> str:
    """etcd's words of an error's body."""
    try:
        found = json.loads(body)
    except ValueError:
        return body[:200].decode(errors="replace")
    return str(found.get("error") or found.get("message") or found) if isinstance(found, dict) else str(found)


def key_range(prefix: str) -> tuple[str, str]:
    """First key of a prefix and the one behind its last, in base64 as the gateway takes them."""
    first = prefix.encode()
    if not first or first[-1] == 0xFF:
        message = f"{prefix!r} is no prefix that a user can have"
        raise EtcdError(message)
    behind = first[:-1] + bytes([first[-1] + 1])
    return base64.b64encode(first).decode(), base64.b64encode(behind).decode()
