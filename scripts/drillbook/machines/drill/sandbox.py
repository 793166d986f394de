"""The one step that a drill of roles does itself: it has the provider make the empty host that the playbooks configure."""

import shlex
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.machines.drill.claims import Claimant, Claims
from drillbook.machines.drill.limits import limits_of
from drillbook.model import Check, Login, Machine, SandboxHost, Step
from drillbook.providers import Sandboxes, open_sandboxes
from drillbook.run.stops import StoppableClock
from drillbook.run.work import RUN_INVENTORY, Opening, Run

_KNOWN_HOSTS = "known_hosts"
# Ansible's own lookup of its configuration would answer with the variable that this stands in.
_CONFIGURED_ARGS = (
    "{{ lookup('ansible.builtin.env', 'ANSIBLE_SSH_ARGS') or lookup('ansible.builtin.ini', 'ssh_args', "
    "section='ssh_connection', file=lookup('ansible.builtin.config', 'CONFIG_FILE')) }}"
)


class SandboxWork:
    """Implements `Work`. The playbooks find in the run's own inventory how the host is reached."""

    def __init__(self, provider: Sandboxes, sandbox: SandboxHost, production: Sequence[str], clock: Clock) -> None:
        """``production``: the service's own hosts, to which the provider's credential must be able to do nothing."""
        self._provider = provider
        self._production = production
        self._sandbox = sandbox
        self._clock = clock

    def gate(self) -> tuple[Check, ...]:
        """Prove that the credential that makes the host can do no more; that it is cut off is proven later, from inside."""
        return limits_of(self._provider, self._sandbox.provider, self._production)

    def carry_out(self, step: Step, run: Run) -> None:
        """Claim the host, make it, wait until it can be logged in to; raises DrillbookError."""
        machine = make_sandbox(self._provider, self._sandbox, self._clock, run, step.timeout)
        run.seen.fact("machines", [{"host": machine.host, "identifier": machine.identifier}])


def make_sandbox(provider: Sandboxes, sandbox: SandboxHost, clock: Clock, run: Claimant, timeout: timedelta) -> Machine:
    """Claim the host, make it, wait until it can be logged in to, and say in the run's inventory how; raises DrillbookError."""
    deadline = clock.monotonic() + timeout
    claimed = Claims(provider, run)
    claimed.take(sandbox.host)
    machine = claimed.made(sandbox.host, lambda claim: provider.make(claim, sandbox, deadline - clock.monotonic()))
    login = provider.reach(machine, deadline - clock.monotonic())
    write_run_inventory(run.ledger.path.parent, sandbox.host, login, sandbox.ssh.args)
    return machine


def open_sandbox_work(opening: Opening) -> SandboxWork:
    """Return what makes the plan's sandbox host; raises ConfigurationError where nobody is declared to make it."""
    if opening.sandbox is None or opening.place is None:
        raise ConfigurationError(
            f"no provider is declared for the sandbox host {opening.track.target}",
            where="drillbook_sandboxes of the group all",
            remedy="Say there which provider makes it.",
        )
    clock = StoppableClock(opening.clock, opening.stops)
    return SandboxWork(open_sandboxes(opening.place, clock), opening.sandbox, opening.track.service.hosts, clock)


def write_run_inventory(directory: Path, host: str, login: Login, ssh_args: str = "") -> Path:
    """Write down, in a run's directory, how its playbooks reach a host; return the file.

    A host key that was read from the host itself is pinned: no other one is believed, whatever the inventory says. ``ssh_args`` are the host's
    own `ansible_ssh_args`; those of the configuration hold where it has none. Ways to it, as a jump host, stay the inventory's.
    """
    variables: dict[str, Any] = dict(login.variables)
    if login.host_key:
        known = directory / _KNOWN_HOSTS
        known.write_text(f"{host} {login.host_key}\n", encoding="utf-8")
        variables |= {
            "ansible_ssh_args": f"{_pinned(known, host)} {ssh_args or _CONFIGURED_ARGS}",
            # Without these, what was configured for all hosts would come before the arguments.
            "ansible_host_key_checking": True,
            "ansible_ssh_host_key_checking": True,
        }
    path = directory / RUN_INVENTORY
    path.write_text(yaml.safe_dump({"all": {"hosts": {host: variables}}}), encoding="utf-8")
    return path


def _pinned(known: Path, host: str) -> str:
    """The first of two options is the one that ssh takes, and these stand before all others."""
    options = {
        "UserKnownHostsFile": f'"{known}"',
        "GlobalKnownHostsFile": "none",
        "KnownHostsCommand": "none",
        "VerifyHostKeyDNS": "no",
        "UpdateHostKeys": "no",
        "HostKeyAlias": host,
        "StrictHostKeyChecking": "yes",
    }
    return " ".join(f"-o {shlex.quote(f'{key}={value}')}" for key, value in options.items())
