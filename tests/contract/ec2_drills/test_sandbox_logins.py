"""The first login to a sandbox host on EC2: by the inventory's own way, to the one host that has the throw-away key."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.ec2_drills.sandbox_world import LIMIT, SandboxWorld
from tests.support.ec2_drills import DRILLS
from tests.support.ssh_host import HOST_KEY

from drillbook import process
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.machines.drill.sandbox import write_run_inventory
from drillbook.ssh_key import SshKey

if TYPE_CHECKING:
    from pathlib import Path

JUMP = """\
#!{python}
import os, select, socket, sys
with open("{seen}", "a") as seen:
    print(*sys.argv[1:], file=seen)
there = socket.create_connection(("127.0.0.1", {port}))
while True:
    for one in select.select([0, there], [], [])[0]:
        data = there.recv(65536) if one is there else os.read(0, 65536)
        if not data:
            sys.exit()
        os.write(1, data) if one is there else there.sendall(data)
"""


def test_the_throw_away_key_is_nowhere_on_the_controller(
    sandboxes: SandboxWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in an argument of a program, in no file, in no text that is made of what holds it, and of no use in the end."""
    argv: list[str] = []
    real = process.run

    def listen(command: Any, **more: Any) -> Any:
        argv.extend([*command, str(more.get("stdin", "")), str(more.get("environment", ""))])
        return real(command, **more)

    monkeypatch.setattr(process, "run", listen)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    machine = sandboxes.make()
    private = yaml.safe_load(sandboxes.user_data())["ssh_keys"]["ed25519_private"]
    secret = private.splitlines()[3]  # those before it have the form and the public half
    sandboxes.host.boot(sandboxes.user_data())
    sandboxes.sandboxes.reach(machine, LIMIT)
    assert argv, "ssh was run"
    assert secret not in " ".join(argv)
    assert [made.order.user_data for made in sandboxes.sandboxes._made.values()] == [""]
    assert sandboxes.host.read(HOST_KEY) != private
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and tmp_path / "host" not in path.parents]
    assert [path for path in outside if secret in path.read_text(errors="replace")] == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_host_with_another_key_is_refused_before_anyone_logs_in(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.host.write("run/cloud-init/result.json", '{"v1": {"errors": []}}')
    with pytest.raises(RefusedError, match="it shows another host key than its own") as refused:
        sandboxes.sandboxes.reach(machine, LIMIT)
    assert "sandbox1" in refused.value.where
    assert (sandboxes.host.logins, sandboxes.host.programs) == ([], [])


def test_a_key_that_it_does_not_serve_is_said(sandboxes: SandboxWorld) -> None:
    """Its ssh service was not reloaded: the playbooks would be refused at their first task."""
    sandboxes.hurry()
    (sandboxes.host.root / "bin" / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    with pytest.raises(InfrastructureError, match="its new host key is not what it shows"):
        sandboxes.sandboxes.reach(machine, LIMIT)


KEEPS_ITS_KEY = "cp ssh_host_ed25519_key drillbook_new_key; cp ssh_host_ed25519_key.pub drillbook_new_key.pub"


@pytest.mark.parametrize(
    ("tool", "text", "why"),
    [
        ("ssh-keygen", KEEPS_ITS_KEY, "it made no host key of its own"),
        (
            "sudo",
            "echo 'sudo: a password is required' >&2; exit 1",
            "could not make a host key of its own: sudo: a pass",
        ),
        ("systemctl", "echo 'Unit not found.' >&2; exit 5", "host key of its own: Unit not found"),
        ("ssh-keygen", "exit 0", "could not make a host key of its own"),
    ],
)
def test_what_keeps_it_from_a_key_of_its_own_is_said(sandboxes: SandboxWorld, tool: str, text: str, why: str) -> None:
    file = sandboxes.host.root / "bin" / tool
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    with pytest.raises(InfrastructureError, match=why):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_what_cloud_init_could_not_do_is_said(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data(), errors=["('users', TypeError())"])
    with pytest.raises(InfrastructureError, match=r"cloud-init failed: \('users', TypeError\(\)\)"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_a_cloud_init_that_does_not_end_is_said(sandboxes: SandboxWorld) -> None:
    sandboxes.hurry()
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data(), done=False)
    with pytest.raises(InfrastructureError, match="cloud-init was not done within 20 s"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_a_host_that_nobody_gets_to_is_said_in_ssh_s_words(sandboxes: SandboxWorld) -> None:
    sandboxes.hurry()
    sandboxes.sandbox = sandboxes.of(common_args="-o HostName=127.0.0.1 -o Port=1")
    machine = sandboxes.make()
    with pytest.raises(InfrastructureError, match=r"nobody could log in within 20 s: ssh says: .*Connection refused"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_a_user_whose_key_is_not_the_controller_s_is_said(sandboxes: SandboxWorld) -> None:
    sandboxes.hurry()
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data().replace(sandboxes.public_key.split()[1], "AAAA"))
    with pytest.raises(InfrastructureError, match=r"nobody could log in within 20 s: ssh says: .*Permission denied"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_an_instance_that_ends_at_once_is_said_with_its_reason(sandboxes: SandboxWorld) -> None:
    DRILLS.starts = "terminated"
    with pytest.raises(InfrastructureError, match=r"the instance is terminated: Client\.InternalError"):
        sandboxes.make()


def test_one_that_ends_while_it_is_waited_for_is_said_at_once(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.region.client.terminate_instances(InstanceIds=[sandboxes.instance()["InstanceId"]])
    with pytest.raises(InfrastructureError, match="the instance is terminated"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_the_inventory_s_own_way_is_taken(sandboxes: SandboxWorld, tmp_path: Path) -> None:
    """A jump host is a command that leads to the address: ssh runs it, and the host behind it must still show its own key."""
    seen = tmp_path / "jumped"
    jump = tmp_path / "jump"
    jump.write_text(JUMP.format(python=sys.executable, seen=seen, port=sandboxes.host.port))
    jump.chmod(0o755)
    sandboxes.sandbox = sandboxes.of(
        common_args=f"-o StrictHostKeyChecking=no -o 'ProxyCommand={jump} %h %p'", port="2222"
    )
    machine = sandboxes.make()
    with pytest.raises(RefusedError, match="another host key"):
        sandboxes.sandboxes.reach(machine, LIMIT)
    sandboxes.host.boot(sandboxes.user_data())
    sandboxes.sandboxes.reach(machine, LIMIT)
    assert set(seen.read_text().splitlines()) == {f"{sandboxes.instance()['PrivateIpAddress']} 2222"}


def test_playbooks_log_in_by_what_the_run_writes_down(sandboxes: SandboxWorld, tmp_path: Path) -> None:
    """Ansible itself, over the inventory's own options, which would believe any key."""
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    reached = sandboxes.sandboxes.reach(machine, LIMIT)
    loose = f"-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {sandboxes.host.arguments}"
    own = tmp_path / "hosts.yml"
    variables = {"ansible_ssh_common_args": loose, "ansible_ssh_private_key_file": str(sandboxes.private_key)}
    own.write_text(yaml.safe_dump({"all": {"hosts": {"sandbox1": variables}}}))
    (tmp_path / "run").mkdir()
    written = write_run_inventory(tmp_path / "run", "sandbox1", reached)
    # Mitogen would start Python there, which the host of this test has not.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_STRATEGY")}

    def log_in() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [  # noqa: S607 - the one of the environment
                "ansible", "-i", own, "-i", written, "sandbox1", "-m", "ansible.builtin.raw", "-a", "echo inside",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**plain, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no", "ANSIBLE_SSH_RETRIES": "0"},
        )  # fmt: skip

    done = log_in()
    assert (done.returncode, "inside" in done.stdout) == (0, True), done.stdout + done.stderr
    sandboxes.host.show(SshKey.generate().private)
    refused = log_in()
    assert refused.returncode != 0
    assert "HOST IDENTIFICATION HAS CHANGED" in refused.stdout + refused.stderr
