"""Standing sandbox hosts: claimed by a file that names the run, and brought back to what they were, which is proven."""

import json
import sys
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from drillbook import process
from drillbook.controller import ansible_environment
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import Claim, Login, Machine, Power, SandboxHost
from drillbook.providers.host.place import HostPlace
from drillbook.tree import platform_root

_MODULE = "drillbook.platform.drillbook_standing_host"
_SHOWN = 600


class StandingHosts:
    """Implements `Sandboxes`. The module runs on the host, by Ansible: user, password of sudo and jump hosts are the inventory's."""

    def __init__(self, place: HostPlace) -> None:
        self._place = place

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """The host's own name; no call is made. There is no second one to take instead."""
        if host in taken:
            raise InfrastructureError(
                f"{host} was claimed by somebody else meanwhile",
                where=f"host {host}",
                remedy="Wait until that run is done.",
            )
        return Claim(self._place.name, host, host, run_id)

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        """Claim it; raises RefusedError where it holds data or serves others, InfrastructureError where another run has it."""
        if sandbox.disk_bytes:
            raise ConfigurationError(
                "the disk of a standing host is as it is",
                where=f"drillbook_sandboxes, host {claim.host}",
                remedy="Leave disk_bytes out, and give the host the disk that it needs.",
            )
        self._ask("claimed", claim, timeout)
        return Machine(claim.host, claim.identifier, self._place.name, Power.RUNNING)

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        """It was reached to be claimed. Its host key is one that the controller knows, and the inventory says how it is checked."""
        del machine, timeout
        return Login({})

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """End the claim: what came since goes, what was there is as it was, and both are proven. Until then the claim stands."""
        self._ask("released", claim, timeout)

    def _ask(self, state: str, claim: Claim, timeout: timedelta) -> Mapping[str, Any]:
        options = {
            "state": state,
            "run_id": claim.run_id,
            "data_paths": self._place.drill.data_paths,
            "ports": self._place.drill.ports,
        }
        root = platform_root()
        command = [
            str(Path(sys.executable).with_name("ansible")),
            claim.identifier,
            "-m",
            _MODULE,
            "-a",
            json.dumps(options),
        ]
        for source in self._place.inventories:
            command += ["--inventory", str(source)]
        done = process.run(
            command,
            timeout=timeout,
            directory=root,
            environment={
                **ansible_environment(root),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
                "ANSIBLE_DEPRECATION_WARNINGS": "false",
            },
        )
        answer = _answer(done.stdout, claim.identifier)
        if answer is None or answer.get("unreachable"):
            said = str(answer["msg"]) if answer else (done.stderr or done.stdout).strip()
            raise InfrastructureError(
                f"{claim.host} can't be asked: {said[:_SHOWN]}",
                where=f"host {claim.host}",
                remedy=f"Try it: ansible {claim.host} -m ansible.builtin.ping --become.",
            )
        if answer.get("failed"):
            raise _failure(answer, claim.host)
        return answer


def _answer(output: str, host: str) -> Mapping[str, Any] | None:
    """The module's answer for the host; None where Ansible did not come so far."""
    try:
        plays = json.loads(output[output.index("{") :])["plays"]
        found: Mapping[str, Any] = plays[0]["tasks"][0]["hosts"][host]
    except (ValueError, LookupError, TypeError):
        return None
    return found


def _failure(answer: Mapping[str, Any], host: str) -> InfrastructureError | RefusedError:
    said, where = str(answer.get("msg", "the module failed"))[:_SHOWN], f"host {host}"
    match answer.get("reason"):
        case "held":
            remedy = "Wait until that run is done. If it is dead, remove what it left: drillbook drill clean."
            return InfrastructureError(f"the sandbox {host}: {said}", where=where, remedy=remedy)
        case "in_use":
            remedy = "Take a host that holds nothing, or clear it: what is there is not the drill's."
            return RefusedError(f"{host} is not free: {said}", where=where, remedy=remedy)
        case "not_clean":
            remedy = "Look at what is named. Then try again: drillbook drill clean."
            return InfrastructureError(f"{host}: {said}", where=where, remedy=remedy)
        case _:
            remedy = "It needs root, systemd and dpkg: see docs/how-to/sandbox-hosts.md."
            return InfrastructureError(f"{host}: {said}", where=where, remedy=remedy)
