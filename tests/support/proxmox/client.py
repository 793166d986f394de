"""What tests hold in their hands to steer a test server."""

from __future__ import annotations

import json
import ssl
import urllib.request
from base64 import b64decode, b64encode
from typing import Any

TIMEOUT_SECONDS = 30


class Control:
    """Steers a running test server through its control door."""

    def __init__(self, url: str, ca: str) -> None:
        self._url = f"{url}/control"
        self._context = ssl.create_default_context(cafile=ca)

    def order(self, action: str, **arguments: Any) -> Any:
        """Send one order and return its answer."""
        body = json.dumps({"action": action, **arguments}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - https, built above
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=self._context) as answer:  # noqa: S310 - same
            return json.load(answer)

    def state(self) -> dict[str, Any]:
        """Return the whole cluster as JSON."""
        found: dict[str, Any] = self.order("state")
        return found

    def served(self, method: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """Return the requests served so far, oldest first."""
        return [
            one for one in self.order("served") if (method is None or one["method"] == method) and path in one["path"]
        ]

    def invalid(self) -> list[dict[str, Any]]:
        """Return the requests that the schema refuses."""
        return [one for one in self.order("served") if one["errors"]]

    def calls_of(self, vmid: int) -> int:
        """Return how many requests were about one guest."""
        return sum(1 for one in self.order("served") if one["vmid"] == vmid)

    def forget_served(self) -> None:
        """Start a new list of requests."""
        self.order("forget_served")

    def faults(self, **faults: Any) -> None:
        """Break something; the names are the fields of `Faults`."""
        self.order("faults", **faults)

    def answer_with(self, status: int, reason: str, method: str = ".*", path: str = ".*", count: int = 1) -> None:
        """Answer the next calls that fit with an HTTP error."""
        self.faults(answers=[{"method": method, "path": path, "count": count, "status": status, "reason": reason}])

    def cut_connection(self, method: str = ".*", path: str = ".*", count: int = 1, *, accepted: bool) -> None:
        """Cut the connection of the next calls that fit, before or after they took effect."""
        self.faults(answers=[{"method": method, "path": path, "count": count, "accepted": accepted}])

    def repair(self) -> None:
        """Take all faults away."""
        self.order("repair")

    def settle(self) -> None:
        """Wait until no task runs."""
        self.order("settle")

    def read(self, volid: str, path: str, node: str | None = None, disk: str | None = None) -> bytes | None:
        """Return a file on a disk, or on a disk inside a backup."""
        data = self.order("read", volid=volid, path=path, node=node, disk=disk)
        return None if data is None else b64decode(data)

    def write(self, volid: str, path: str, data: bytes, node: str | None = None) -> None:
        """Write a file on a disk behind the guest's back."""
        self.order("write", volid=volid, path=path, data=b64encode(data).decode(), node=node)

    def guest(self, vmid: int, **settings: Any) -> None:
        """Set a guest's lock, memory, mounts or programs."""
        if "memory" in settings:
            settings["memory"] = {path: b64encode(data).decode() for path, data in settings["memory"].items()}
        self.order("guest", vmid=vmid, **settings)

    def backup(self, volid: str, **settings: Any) -> None:
        """Set a backup's size, note, verification or damage behind the API's back."""
        self.order("backup", volid=volid, **settings)

    def forward(self, seconds: float) -> None:
        """Turn the cluster's clock forward."""
        self.order("clock", forward=seconds)

    def expire_token(self, user: str, token: str) -> None:
        """Let a token's time be over."""
        self.order("expire_token", user=user, token=token)
