"""The embedded lab as the demonstration and the tests handle it: playbooks, containers, addresses."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drillbook import process
from drillbook.errors import InfrastructureError
from drillbook_lab.traffic import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

DATABASE_HOSTS = ("db1", "db2", "db3")
PLAYBOOK_TIMEOUT = timedelta(minutes=40)
COMMAND_TIMEOUT = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Recap:
    """What a playbook did: hosts with their counts of ok, changed, failures and unreachable."""

    output: str
    seconds: float

    def changed(self) -> dict[str, int]:
        """Host to number of changed tasks, read from the recap."""
        counts = {}
        for line in self.output.split("PLAY RECAP", 1)[-1].splitlines():
            host, _, rest = line.partition(" : ")
            fields = dict(field.split("=") for field in rest.split() if "=" in field)
            if "changed" in fields:
                counts[host.strip()] = int(fields["changed"])
        return counts


class Lab:
    """One lab, named by its prefix; every call is bounded in time and raises InfrastructureError."""

    def __init__(self, root: Path, prefix: str, log_directory: Path) -> None:
        self.root = root
        self.prefix = prefix
        self._log_directory = log_directory
        self._variables: dict[str, Any] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a child needs to act on this lab."""
        return {
            "DRILLBOOK_LAB": self.prefix,
            "DRILLBOOK_INVENTORY": str(self.root / "inventories/lab"),
            "ANSIBLE_CONFIG": str(self.root / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{self.root / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *argv: str, timeout: timedelta = COMMAND_TIMEOUT) -> process.Completed:
        """Run a program of the project against this lab."""
        return process.run(argv, timeout=timeout, environment=self.environment, directory=self.root)

    def attempt(self, name: str, *arguments: str, variables: Mapping[str, Any] | None = None) -> tuple[int, Recap]:
        """Run a playbook; return its exit status and recap, keep its output in the log directory."""
        argv = ["ansible-playbook", "-i", "inventories/lab", f"playbooks/{name}.yml", *arguments]
        if variables:
            argv += ["--extra-vars", json.dumps(dict(variables))]
        began = time.monotonic()
        completed = self.run(*argv, timeout=PLAYBOOK_TIMEOUT)
        seconds = time.monotonic() - began
        self._log_directory.mkdir(parents=True, exist_ok=True)
        log = self._log_directory / f"{time.strftime('%H%M%S')}-{name.replace('/', '-')}.log"
        log.write_text(completed.stdout + completed.stderr, encoding="utf-8")
        return completed.returncode, Recap(completed.stdout + completed.stderr, seconds)

    def playbook(self, name: str, *arguments: str, variables: Mapping[str, Any] | None = None) -> Recap:
        """Run a playbook that must succeed; raises InfrastructureError with the end of its output."""
        returncode, recap = self.attempt(name, *arguments, variables=variables)
        if returncode != 0:
            raise InfrastructureError(
                f"playbooks/{name}.yml failed ({returncode}):\n{recap.output[-4000:]}",
                where=f"lab {self.prefix}",
                remedy=f"Read the newest log in {self._log_directory}.",
            )
        return recap

    @property
    def variables(self) -> dict[str, Any]:
        """The inventory's literal variables of the group `all`, for one of its hosts."""
        if self._variables is None:
            listed = self.run("ansible-inventory", "-i", "inventories/lab", "--list")
            if listed.returncode != 0:
                raise InfrastructureError(
                    listed.stderr.strip(), where="inventories/lab", remedy="Run scripts/bootstrap."
                )
            self._variables = json.loads(listed.stdout)["_meta"]["hostvars"]["db1"]
        return self._variables

    @property
    def state(self) -> Path:
        """Directory of this lab's keys, secrets and evidence."""
        return Path(self.variables["lab_state"])

    def address(self, host: str, network: str = "production") -> str:
        """The host's address in a network."""
        return str(self.variables["lab_hosts"][host][network])

    def service(self, user: str = "app") -> ConnectionSettings:
        """The service's own path: the load balancer's read/write port."""
        return ConnectionSettings(
            host=self.address("lb1"),
            port=5000,
            database="app",
            user=user,
            password_file=self.state / f"secrets/postgresql_{user}",
            ca_file=self.ca_file,
        )

    @property
    def ca_file(self) -> Path:
        """Certificate of the lab's own authority."""
        return self.state / "ca/trust.crt"

    def cluster(self) -> list[dict[str, Any]]:
        """Members as Patroni's REST interface lists them; empty while no member answers."""
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        for host in DATABASE_HOSTS:
            url = f"https://{self.address(host)}:8008/cluster"
            try:
                with urllib.request.urlopen(url, timeout=2, context=trust) as answer:
                    return list(json.load(answer)["members"])
            except (OSError, ValueError, urllib.error.URLError):
                continue
        return []

    def leader(self) -> str:
        """Name of the cluster's leader; raises InfrastructureError when there is none."""
        for member in self.cluster():
            if member["role"] == "leader" and member["state"] == "running":
                return str(member["name"])
        raise InfrastructureError("the cluster has no leader", where=f"lab {self.prefix}", remedy="patronictl list")

    def wait_for_members(self, count: int, timeout: timedelta) -> None:
        """Wait until so many members run or stream on one timeline."""
        deadline = time.monotonic() + timeout.total_seconds()
        while time.monotonic() < deadline:
            members = [member for member in self.cluster() if member["state"] in ("running", "streaming")]
            if len(members) == count and len({member.get("timeline") for member in members}) == 1:
                return
            time.sleep(0.5)
        raise InfrastructureError(
            f"{count} members did not come together within {timeout.total_seconds():.0f} s: {self.cluster()}",
            where=f"lab {self.prefix}",
            remedy="patronictl list",
        )

    def podman(self, *arguments: str) -> process.Completed:
        """Act on the lab's containers with the lab's own engine configuration."""
        environment = {**self.environment, "CONTAINERS_CONF": str(self.state / "containers.conf")}
        return process.run(("podman", *arguments), timeout=COMMAND_TIMEOUT, environment=environment)

    def exists(self) -> bool:
        """Whether containers of this lab are there, running or not; also where its state directory is gone."""
        listed = process.run(
            ("podman", "ps", "--all", "--quiet", "--filter", f"name=^{self.prefix}-"), timeout=COMMAND_TIMEOUT
        )
        return bool(listed.stdout.strip())

    def container(self, host: str) -> str:
        """The container that is this host."""
        return f"{self.prefix}-{host}"

    def sandboxes(self) -> list[str]:
        """The containers that drills made and have not removed, running or not."""
        marks = (f"label=drillbook.lab={self.prefix}", "label=drillbook.drill=true")
        listed = self.podman("ps", "--all", "--format", "{{.Names}}", *(f"--filter={mark}" for mark in marks))
        return listed.stdout.split()

    def cut_power(self, host: str) -> None:
        """End a host at once, as a power cut does; its disk stays."""
        self.podman("kill", "--signal", "KILL", self.container(host))

    def destroy(self, host: str) -> None:
        """Remove a host with its disk."""
        self.podman("rm", "--force", "--time", "0", "--volumes", self.container(host))
