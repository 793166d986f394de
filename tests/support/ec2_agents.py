"""Systems Manager's agents in moto's instances: they answer scripts as the instance's own disk says, and pass on as little as SSM does.

The disk's ``/bin/sh`` is a list of rules ``{contains, exitcode, out}``, of which the first that fits answers. With ``reached`` in place of ``out``
each ``try ADDRESS PORT`` of the script is answered: open where it is listed, or where another instance of the drill has that
address. With ``hangs`` it is ended when its time is over, as SSM does it. The lines that drillbook puts around each script are really run.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ssm.exceptions import SSMException
from moto.ssm.responses import SimpleSystemManagerResponse
from tests.support.ec2_drills import files_of

PASSED_ON = 24000
"""So many characters of a program's output does GetCommandInvocation give."""
_HEAD, _TAIL = "{ (\n", "\n) </dev/null\n"


@dataclass
class Agents:
    """What goes wrong inside, and each script that was run."""

    silent: bool = False
    """They never report to Systems Manager."""
    dead_network: bool = False
    hangs: bool = False
    """What they run never ends."""
    fetches_after: float = 0.0
    """So many seconds does an agent take to fetch a command; one that may not wait so long never runs."""
    undelivered: int = 0
    """So many of the next commands are not fetched in time, whatever that is."""
    status: str = "Success"
    details: str = ""
    scripts: list[str] = field(default_factory=list)
    invocations: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What is told next of each command; the last one stays."""

    def reset(self) -> None:
        """All is well again."""
        self.__init__()  # type: ignore[misc]  # the same object: moto's methods look at it


AGENTS = Agents()


@cache
def install() -> None:
    """Replace what moto has."""
    SimpleSystemManagerResponse.send_command = _send  # type: ignore[method-assign]
    SimpleSystemManagerResponse.get_command_invocation = _told  # type: ignore[method-assign]
    SimpleSystemManagerResponse.describe_instance_information = _information  # type: ignore[attr-defined]


def _instance(self: Any, identifier: str) -> Any:
    """A running instance with a profile, whose agent so could report; None where there is none."""
    backend = ec2_backends[self.current_account][self.region]
    for instance in backend.all_instances():
        if instance.id == identifier and instance.is_running() and not AGENTS.silent:
            profiles = backend.iam_instance_profile_associations
            return instance if instance.id in profiles else None
    return None


def _information(self: Any) -> ActionResult:
    (wanted,) = [one["Values"] for one in self._get_param("Filters") if one["Key"] == "InstanceIds"]
    found = [name for name in wanted if _instance(self, name) is not None]
    return ActionResult(
        {"InstanceInformationList": [{"InstanceId": name, "PingStatus": "Online"} for name in found], "NextToken": None}
    )


def _send(self: Any) -> ActionResult:
    parameters, (name,) = self._get_param("Parameters", {}), self._get_param("InstanceIds")
    if "commands" not in parameters:
        raise SSMException("InvalidParameters", "You must specify values for all required parameters.")
    instance = _instance(self, name)
    if instance is None:
        raise SSMException("InvalidInstanceId", f"Instances [[{name}]] not in a valid state for account")
    assert self._get_param("DocumentName") == "AWS-RunShellScript"
    command = str(uuid4())
    waiting = [{"Status": "Pending"}, {"Status": "InProgress"}]
    text = "\n".join(parameters["commands"])
    if AGENTS.undelivered or self._get_param("TimeoutSeconds") < AGENTS.fetches_after:
        AGENTS.undelivered = max(0, AGENTS.undelivered - 1)
        late = {"Status": "TimedOut", "StatusDetails": "Delivery Timed Out"}
        AGENTS.invocations[command] = [{}, *waiting, late]
    elif AGENTS.hangs:
        AGENTS.invocations[command] = waiting
    elif any(rule.get("hangs") and rule["contains"] in text for rule in _rules(instance)):
        ended = monotonic() + float(parameters["executionTimeout"][0])
        AGENTS.invocations[command] = [{}, *waiting, {"Status": "TimedOut", "not before": ended}]
    else:
        AGENTS.scripts.append(text)
        said = {"StandardOutputContent": _wrapped(instance, text)[:PASSED_ON]}
        done = {"Status": AGENTS.status, "StatusDetails": AGENTS.details or AGENTS.status, **said}
        AGENTS.invocations[command] = [{}, *waiting, done]
    return ActionResult({"Command": {"CommandId": command, "Status": "Pending"}})


def _told(self: Any) -> ActionResult:
    command, instance = self._get_param("CommandId"), self._get_param("InstanceId")
    said = AGENTS.invocations[command]
    found = said.pop(0) if len(said) > 1 else said[0]
    if not found:
        raise SSMException("InvocationDoesNotExist", "")
    if found.get("not before", 0.0) > monotonic():
        found = {"Status": "InProgress"}
    return ActionResult({"CommandId": command, "InstanceId": instance, **found})


def _wrapped(instance: Any, text: str) -> str:
    """What the lines around the script make of what the machine's own shell answers to it."""
    inner = text.split(_HEAD, 1)[1].rsplit(_TAIL, 1)[0]
    code, out = _answer(instance, inner)
    played = f"printf %s {shlex.quote(out)}\nexit {code}"
    done = subprocess.run(
        ["/bin/sh", "-c", text.replace(inner, played)], capture_output=True, text=True, timeout=20, check=False
    )
    return done.stdout


def _answer(instance: Any, script: str) -> tuple[int, str]:
    files = _files(instance)
    read = re.match(r"if \[ -e (\S+) \]; then head -c (\d+) ", script)
    if read:
        (path,) = shlex.split(read[1])
        return (0, files[path][: int(read[2])]) if path in files else (44, "")
    for rule in _rules(instance):
        if rule["contains"] in script:
            out = _tried(instance, script, rule["reached"]) if "reached" in rule else str(rule.get("out", ""))
            return int(rule.get("exitcode", 0)), out
    return 127, ""


def _rules(instance: Any) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads(_files(instance).get("/bin/sh", "[]"))
    return rules


def _files(instance: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for _device, block in instance.get_block_device_mapping:
        found |= files_of(instance.ec2_backend.volumes[block.volume_id])
    return found


def _tried(instance: Any, script: str, reached: list[str]) -> str:
    backend = instance.ec2_backend
    peers = {
        card.private_ip_address
        for card in backend.enis.values()
        if card.instance is not None and card.subnet.id == instance.nics[0].subnet.id and not AGENTS.dead_network
    }
    lines = []
    for address, port in re.findall(r"^try (\S+) (\d+) &$", script, re.MULTILINE):
        is_open = f"{address}:{port}" in reached or (address in peers and port == "22")
        lines.append(f"{'open' if is_open else 'silent'} {address} {port}")
    names = re.findall(r"getent hosts (\S+)", script)
    lines += [f"{'open' if name in reached else 'silent'} {name} name" for name in names]
    return "\n".join(lines) + "\n"
