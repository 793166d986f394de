"""A client that knows nothing of the API but how to send parameters and wait for a task."""

from __future__ import annotations

import time
from typing import Any

import requests
from tests.support.proxmox.server import ProxmoxServer

TASK_TIMEOUT_SECONDS = 20


class Client:
    """Calls the API without any knowledge of it."""

    def __init__(self, server: ProxmoxServer, headers: dict[str, str]) -> None:
        self.base = f"{server.url}/api2/json"
        self._ca = server.ca
        self._headers = headers

    def call(self, method: str, path: str, /, **parameters: Any) -> requests.Response:
        """Make one call; an underscore in a name stands for a dash."""
        named = {name.replace("_", "-"): value for name, value in parameters.items()}
        query, body = (named, None) if method in {"GET", "DELETE"} else (None, named)
        return requests.request(
            method, self.base + path, headers=self._headers, verify=self._ca, timeout=30, params=query, data=body
        )

    def data(self, method: str, path: str, /, **parameters: Any) -> Any:
        """Make a call that must succeed and return its data."""
        answer = self.call(method, path, **parameters)
        assert answer.status_code == 200, (answer.status_code, answer.reason, answer.text)
        return answer.json()["data"]

    def task(self, method: str, path: str, /, **parameters: Any) -> str:
        """Make a call that starts a task and return how the task ended."""
        return self.wait(self.data(method, path, **parameters))

    def wait(self, upid: str) -> str:
        """Wait for a task's end."""
        node = upid.split(":")[1]
        deadline = time.monotonic() + TASK_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            status = self.data("GET", f"/nodes/{node}/tasks/{upid}/status")
            if status["status"] == "stopped":
                return str(status["exitstatus"])
            time.sleep(0.01)
        raise TimeoutError(upid)

    def log(self, upid: str, **parameters: Any) -> list[str]:
        """Return a task's log."""
        node = upid.split(":")[1]
        return [line["t"] for line in self.data("GET", f"/nodes/{node}/tasks/{upid}/log", **parameters)]
