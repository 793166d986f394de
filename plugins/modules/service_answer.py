"""Waits for a service's answer, for as long as systemd has not given the service up."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import time
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from urllib.request import OpenerDirector

DOCUMENTATION = """
module: service_answer
short_description: Wait until a service answers over HTTPS as it should
description:
  - Asks once a second. It ends at once where systemd has given the unit up, or somebody stopped it, as no answer will come then.
  - Its error says what the last answer was, and what the unit complained of in its journal since then. Needs root. It only reads.
options:
  unit:
    description: The systemd unit of the service, on the host that asks.
    type: str
    required: true
  url:
    description: Where it answers. No proxy is asked.
    type: str
    required: true
  ca_path:
    description: Authority that its certificate is checked against.
    type: path
    required: true
  client_cert:
    description: Certificate to show.
    type: path
  client_key:
    description: Its key.
    type: path
  wanted:
    description:
      - Answers that end the wait, any one of them. C(status) is the HTTP status, 200 where it is not given. Each other key is one of the
        answer's JSON object, with the text of its value.
    type: list
    elements: dict
    default: [{}]
  timeout_seconds:
    description: How long to wait, by the clock.
    type: int
    required: true
author: drillbook
"""

RETURN = """
status:
  description: HTTP status of the answer.
  type: int
  returned: success
json:
  description: The answer's JSON object; empty where it is none.
  type: dict
  returned: success
"""

POLL_SECONDS = 0.2
# A unit that is restarted has ended for a moment.
ENDED_SECONDS = 1
CALL_SECONDS = 5
SILENT = 0
# PostgreSQL calls what is wrong with a setting LOG, and what comes of it FATAL; etcd says its level in JSON.
COMPLAINT = re.compile(
    r"FATAL|PANIC|ERROR|CRITICAL|WARNING|No space left|invalid|unrecognized|syntax error|could not|\"level\":\"(?:warn|error|fatal|panic)\""
)
PASSING = re.compile("is starting up")
LONGEST_LINE, LINES = 400, 4


class Answer(NamedTuple):
    """An answer's HTTP status and JSON object; status 0 with the reason in ``words`` where there was none."""

    status: int
    json: dict[str, Any]
    words: str

    def fits(self, wanted: Iterable[Mapping[str, Any]]) -> bool:
        """Whether it is one of those wanted."""
        return any(
            self.status == int(one.get("status", 200))
            and all(str(self.json.get(key)) == str(value) for key, value in one.items() if key != "status")
            for one in wanted
        )

    def told(self) -> str:
        """For an error: the reason that there was none, or its status and what it says of itself in single words."""
        if self.status == SILENT:
            return self.words
        said = [f"{key} {value}" for key, value in self.json.items() if isinstance(value, str | int)]
        return ", ".join([f"HTTP {self.status}", *said[:6]])


class Unit(NamedTuple):
    """systemd's state of a unit, how its last process ended, and when that was started, in seconds since 1970."""

    state: str
    result: str
    started: float

    @property
    def ended(self) -> bool:
        """Whether systemd will not start it again by itself."""
        return self.state in ("failed", "inactive")


def ask(opener: OpenerDirector, url: str) -> Answer:
    """One question; each reason for having no answer is one."""
    try:
        try:
            with opener.open(url, timeout=CALL_SECONDS) as answer:
                return Answer(answer.status, parsed(answer.read()), "")
        except HTTPError as error:
            return Answer(error.code, parsed(error.read()), "")
    except (OSError, HTTPException, ValueError) as error:
        return Answer(SILENT, {}, str(getattr(error, "reason", error)))


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object; empty for whatever else."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def shown(unit: str) -> Unit:
    """What systemd says; a state without a name where it says nothing, so that the wait goes on."""
    asked = ["systemctl", "show", "--timestamp=unix", "--property=ActiveState,Result,ExecMainStartTimestamp", unit]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30).stdout
    except subprocess.TimeoutExpired:
        said = ""
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    started = values.get("ExecMainStartTimestamp", "").removeprefix("@")
    return Unit(values.get("ActiveState", ""), values.get("Result", ""), float(started) if started else 0.0)


def complaints(unit: str, since: float) -> list[str]:
    """What it complained of since a moment, in seconds since 1970: the last lines, none twice."""
    asked = ["journalctl", f"--unit={unit}", f"--since=@{since:.0f}", "--output=cat", "--no-pager", "--lines=300"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, errors="replace", check=False, timeout=30).stdout
    except subprocess.TimeoutExpired:
        return []
    lines = [line for line in said.splitlines() if COMPLAINT.search(line) and not PASSING.search(line)]
    return [line[:LONGEST_LINE] for line in dict.fromkeys(lines)][-LINES:]


def main() -> None:
    """Ask until it answers, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "required": True},
            "url": {"type": "str", "required": True},
            "ca_path": {"type": "path", "required": True},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
            "wanted": {"type": "list", "elements": "dict", "default": [{}]},
            "timeout_seconds": {"type": "int", "required": True},
        },
        required_together=[("client_cert", "client_key")],
        supports_check_mode=True,
    )
    asked = module.params
    began, deadline = time.time(), time.monotonic() + asked["timeout_seconds"]
    try:
        context = ssl.create_default_context(cafile=asked["ca_path"])
        if asked["client_cert"]:
            context.load_cert_chain(asked["client_cert"], asked["client_key"])
    except OSError as error:
        module.fail_json(msg=f"{error.filename or asked['ca_path']} can't be read as a certificate or key: {error}")
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    ended_at: float | None = None
    while True:
        answer = ask(opener, asked["url"])
        if answer.fits(asked["wanted"]):
            module.exit_json(changed=False, status=answer.status, json=answer.json)
        unit = shown(asked["unit"])
        now = time.monotonic()
        for_good = unit.ended and ended_at is not None and now - ended_at >= ENDED_SECONDS
        if now >= deadline or for_good:
            said = " / ".join(complaints(asked["unit"], min(began, unit.started or began))) or "nothing of a fault"
            seen = f"{asked['url']} gave {answer.told()}. Its journal says: {said}"
            if unit.ended:
                message = f"{asked['unit']} has ended and is {unit.state} ({unit.result}): {seen}"
            else:
                message = f"{asked['unit']} was not ready in {asked['timeout_seconds']} s: {seen}"
            module.fail_json(msg=message, status=answer.status, json=answer.json)
        ended_at = (ended_at or now) if unit.ended else None
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
