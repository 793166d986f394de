"""Sandbox hosts on EC2: cut off before anyone logs in, known by a key of their own, and removed by their claim alone."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.contract.ec2_drills.sandbox_world import LIMIT, OTHER_RUN, RUN, USER, SandboxWorld
from tests.contract.ec2_drills.world import KEY
from tests.support.ec2_drills import DRILLS
from tests.support.ssh_host import HOST_KEY, SshHost

from drillbook import process
from drillbook.clock import SystemClock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.machines.drill.sandbox import SandboxWork, write_run_inventory
from drillbook.model import CheckStatus, Claim, Power
from drillbook.providers import LimitedCredential, Sandboxes, open_restores, open_sandboxes
from drillbook.providers.ec2.drill.claim_names import RUN_TAG, token_for
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.ec2_rights import Policy

GIBIBYTE = 1 << 30
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


def test_one_is_run_cut_off_reached_and_removed(sandboxes: SandboxWorld) -> None:
    provider: Sandboxes = sandboxes.sandboxes
    machine = sandboxes.make()
    assert (machine.host, machine.identifier, machine.power) == (
        "sandbox1",
        sandboxes.claim().identifier,
        Power.RUNNING,
    )
    (asked,) = DRILLS.of("RunInstances")
    assert "IamInstanceProfile" not in asked
    assert "KeyName" not in asked
    assert asked["MetadataOptions"]["HttpTokens"] == "required"
    assert asked["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert {disk["DeviceName"]: disk["Ebs"] for disk in asked["BlockDeviceMappings"]} == {
        device: {"DeleteOnTermination": True, "Encrypted": True} for device in ("/dev/sda1", "/dev/sdf")
    }
    (card,) = DRILLS.of("CreateNetworkInterface")
    assert (card["SubnetId"], card["Groups"]) == (sandboxes.region.subnet, [sandboxes.region.group])
    instance = sandboxes.instance()
    assert [one["SubnetId"] for one in instance["NetworkInterfaces"]] == [sandboxes.region.subnet]
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {"Name": machine.identifier, RUN_TAG: RUN}

    user_data = sandboxes.user_data()
    sandboxes.host.boot(user_data)
    reached = provider.reach(machine, LIMIT)
    assert reached.variables == {"ansible_host": instance["PrivateIpAddress"], "ansible_user": USER}
    own = sandboxes.host.read(f"{HOST_KEY}.pub").split()
    assert reached.host_key == " ".join(own[:2])
    assert reached.host_key not in user_data
    assert set(sandboxes.host.logins) == {USER}

    open_restores(sandboxes.place(), SystemClock()).destroy(sandboxes.claim(), LIMIT)
    assert sandboxes.region.left() == set()


def test_user_data_lets_in_one_key_and_no_password(sandboxes: SandboxWorld) -> None:
    sandboxes.make()
    said = yaml.safe_load(sandboxes.user_data())
    (user,) = said["users"]
    assert (user["name"], user["ssh_authorized_keys"], user["lock_passwd"]) == (USER, [sandboxes.public_key], True)
    assert (said["ssh_deletekeys"], said["ssh_pwauth"], said["disable_root"]) == (True, False, True)
    assert (said["hostname"], said["package_upgrade"]) == ("sandbox1", False)


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
    (sandboxes.host.root / "bin" / "systemctl").write_text("#!/bin/sh\nexit 0\n")
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    with pytest.raises(InfrastructureError, match="its new host key is not what it shows"):
        sandboxes.sandboxes.reach(machine, timedelta(seconds=3))


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
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data(), done=False)
    with pytest.raises(InfrastructureError, match="cloud-init was not done within 2 s"):
        sandboxes.sandboxes.reach(machine, timedelta(seconds=2))


def test_a_host_that_nobody_gets_to_is_said_in_ssh_s_words(sandboxes: SandboxWorld) -> None:
    sandboxes.sandbox = sandboxes.of(common_args="-o HostName=127.0.0.1 -o Port=1")
    machine = sandboxes.make()
    with pytest.raises(InfrastructureError, match=r"nobody could log in within 1 s: ssh says: .*Connection refused"):
        sandboxes.sandboxes.reach(machine, timedelta(seconds=1))


def test_a_user_whose_key_is_not_the_controller_s_is_said(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data().replace(sandboxes.public_key.split()[1], "AAAA"))
    with pytest.raises(InfrastructureError, match=r"nobody could log in within 2 s: ssh says: .*Permission denied"):
        sandboxes.sandboxes.reach(machine, timedelta(seconds=2))


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

    def log_in() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [  # noqa: S607 - the one of the environment
                "ansible", "-i", own, "-i", written, "sandbox1", "-m", "ansible.builtin.raw", "-a", "echo inside",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**__import__("os").environ, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no", "ANSIBLE_SSH_RETRIES": "0"},
        )  # fmt: skip

    done = log_in()
    assert (done.returncode, "inside" in done.stdout) == (0, True), done.stdout + done.stderr
    with SshHost(tmp_path / "stranger") as stranger:
        sandboxes.host.show(_any_key(stranger))
        refused = log_in()
    assert refused.returncode != 0
    assert "HOST IDENTIFICATION HAS CHANGED" in refused.stdout + refused.stderr


def _any_key(stranger: SshHost) -> str:
    from drillbook.providers.ec2.drill.cloud_config import ThrowAwayKey  # noqa: PLC0415 - only here

    assert stranger.port
    return ThrowAwayKey.generate().private


def test_it_has_a_disk_of_its_own_where_that_is_wanted(sandboxes: SandboxWorld) -> None:
    sandboxes.sandboxes = sandboxes.open(data_path="/var/lib/postgresql", encrypted=False)
    sandboxes.sandbox = sandboxes.of(5 * GIBIBYTE + 1)
    machine = sandboxes.make()
    (asked,) = DRILLS.of("RunInstances")
    disks = {disk["DeviceName"]: disk["Ebs"] for disk in asked["BlockDeviceMappings"]}
    assert disks["/dev/sda1"] == {"DeleteOnTermination": True}
    assert disks["/dev/sdg"] == {"DeleteOnTermination": True, "VolumeSize": 6, "VolumeType": "gp3"}, (
        "sdf is the image's"
    )
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in sandboxes.instance()["BlockDeviceMappings"]}
    identifier = volumes["/dev/sdg"].replace("-", "")
    sandboxes.host.write(f"dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{identifier}", "")
    sandboxes.host.write("etc/fstab", "UUID=root / ext4 defaults 0 1\n")
    sandboxes.host.write("var/lib/postgresql/.profile", "kept\n")
    sandboxes.host.boot(sandboxes.user_data())
    sandboxes.sandboxes.reach(machine, LIMIT)
    done = sandboxes.host.read("disks").replace(str(sandboxes.host.root), "").splitlines()
    assert done[0] == f"mkfs -q /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{identifier}"
    assert done[-1] == "mount /var/lib/postgresql"
    assert sandboxes.host.read("unmounted/.profile") == "kept\n"
    fstab = sandboxes.host.read("etc/fstab").replace(str(sandboxes.host.root), "").splitlines()
    assert fstab == [
        "UUID=root / ext4 defaults 0 1",
        "UUID=11111111-2222 /var/lib/postgresql ext4 defaults,nofail 0 2",
    ]


@pytest.mark.parametrize(("wanted", "made"), [(20 * GIBIBYTE + 1, 21), (1, 8)])
def test_the_disk_that_it_starts_from_is_large_enough(sandboxes: SandboxWorld, wanted: int, made: int) -> None:
    sandboxes.sandbox = sandboxes.of(wanted)
    sandboxes.make()
    volumes = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in sandboxes.instance()["BlockDeviceMappings"]}
    assert set(volumes) == {"/dev/sda1", "/dev/sdf"}
    (root,) = sandboxes.region.client.describe_volumes(VolumeIds=[volumes["/dev/sda1"]])["Volumes"]
    assert root["Size"] == made


def test_a_disk_that_is_not_there_is_said(sandboxes: SandboxWorld) -> None:
    sandboxes.sandboxes = sandboxes.open(data_path="/var/lib/postgresql")
    sandboxes.sandbox = sandboxes.of(GIBIBYTE)
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    with pytest.raises(InfrastructureError, match=r"could not be mounted: no device is the volume vol"):
        sandboxes.sandboxes.reach(machine, LIMIT)


def test_it_is_run_on_no_network_but_the_isolated_one(sandboxes: SandboxWorld) -> None:
    """The card is read back before anything runs on it, and again before anyone logs in."""
    production = sandboxes.region.production_subnet

    def move(card: Any) -> None:
        card.subnet = sandboxes.region.backend.get_subnet(production)

    DRILLS.touch_card = move
    with pytest.raises(RefusedError, match=f"it would not be isolated: eni-.* is on {production}"):
        sandboxes.make()
    assert DRILLS.of("RunInstances") == []
    (card,) = sandboxes.region.client.describe_network_interfaces(
        Filters=[{"Name": "tag:Name", "Values": [sandboxes.claim().identifier]}]
    )["NetworkInterfaces"]
    sandboxes.region.client.delete_network_interface(NetworkInterfaceId=card["NetworkInterfaceId"])


def test_a_card_that_changed_meanwhile_is_seen_before_the_login(sandboxes: SandboxWorld) -> None:
    machine = sandboxes.make()
    sandboxes.host.boot(sandboxes.user_data())
    card = sandboxes.instance()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    sandboxes.region.client.modify_network_interface_attribute(
        NetworkInterfaceId=card, Groups=[sandboxes.region.endpoints]
    )
    with pytest.raises(RefusedError, match="it would not be isolated"):
        sandboxes.sandboxes.reach(machine, LIMIT)
    assert sandboxes.host.logins == []


def test_a_card_more_is_seen_before_the_login(sandboxes: SandboxWorld) -> None:
    def attach(backend: Any, instance: Any) -> None:
        subnet = backend.get_subnet(sandboxes.region.subnet)
        instance.attach_eni(backend.create_network_interface(subnet, "10.9.1.200"), 1)

    DRILLS.extra_card = attach
    with pytest.raises(RefusedError, match="and was made with eni-"):
        sandboxes.make()
    for card in sandboxes.instance()["NetworkInterfaces"]:
        sandboxes.region.backend.enis[card["NetworkInterfaceId"]].add_tags(
            {"Name": sandboxes.claim().identifier, RUN_TAG: RUN}
        )


def test_an_open_network_is_refused_before_anything_is_made(sandboxes: SandboxWorld) -> None:
    sandboxes.region.let_out(IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    with pytest.raises(RefusedError, match=r"not isolated: sg-.* leads to 0\.0\.0\.0/0"):
        sandboxes.make()
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances")) == ([], [])


@pytest.mark.parametrize("operation", ["CreateNetworkInterface", "RunInstances"])
def test_a_lost_answer_makes_nothing_twice(sandboxes: SandboxWorld, operation: str) -> None:
    DRILLS.lose_answer = {operation: 1}
    sandboxes.make()
    assert len(DRILLS.of(operation)) == 2
    what = {"CreateNetworkInterface": "card 0", "RunInstances": "instance"}[operation]
    assert {one["ClientToken"] for one in DRILLS.of(operation)} == {token_for(sandboxes.claim(), what)}
    instances = {one for one in sandboxes.region.left() if one.startswith("i-")}
    assert instances == {sandboxes.instance()["InstanceId"]}


def test_another_run_s_is_left_alone(sandboxes: SandboxWorld) -> None:
    sandboxes.make()
    before = sandboxes.region.left()
    with pytest.raises(RefusedError, match="is no name that a drill's run gives"):
        sandboxes.sandboxes.destroy(Claim("aws", "sandbox1", sandboxes.claim().identifier, OTHER_RUN), LIMIT)
    sandboxes.sandboxes.destroy(sandboxes.claim(OTHER_RUN), LIMIT)
    assert sandboxes.region.left() == before


def test_only_what_this_run_made_is_logged_in_to(sandboxes: SandboxWorld) -> None:
    """Another process does not have the key that it was given, and so can't know it."""
    machine = sandboxes.make()
    with pytest.raises(RefusedError, match="only what this run made"):
        sandboxes.open().reach(machine, LIMIT)


def test_what_can_not_work_is_said_before_anything_is_made(sandboxes: SandboxWorld) -> None:
    claim = sandboxes.claim()
    sandboxes.region.backend.amis[sandboxes.image].state = "pending"
    with pytest.raises(ConfigurationError, match=f"the image {sandboxes.image} is pending") as refused:
        sandboxes.make()
    assert refused.value.where == "drillbook_providers, aws, drill.sandboxes.image"
    sandboxes.region.backend.amis[sandboxes.image].state = "available"
    with pytest.raises(
        RefusedError, match=r"a1\.medium can't run the image of sandbox1: .* Set drill\.sandboxes\.inst"
    ):
        sandboxes.open(instance_type="a1.medium").make(claim, sandboxes.sandbox, LIMIT)
    unknown = sandboxes.place().drill.sandboxes.model_copy(update={"image": "ami-00000000"})  # type: ignore[union-attr]
    place = sandboxes.place()
    assert place.drill is not None
    nowhere = place.model_copy(update={"drill": place.drill.model_copy(update={"sandboxes": unknown})})
    with pytest.raises(ConfigurationError, match="there is no image ami-00000000 in eu-central-1"):
        open_sandboxes(nowhere, SystemClock()).make(claim, sandboxes.sandbox, LIMIT)
    without = place.model_copy(update={"drill": place.drill.model_copy(update={"sandboxes": None})})
    with pytest.raises(ConfigurationError, match="no image for sandbox hosts"):
        open_sandboxes(without, SystemClock())
    public = sandboxes.private_key.with_suffix(".pub")
    public.write_text(sandboxes.private_key.read_text())
    with pytest.raises(ConfigurationError, match="does not hold one public key"):
        sandboxes.make()
    public.unlink()
    with pytest.raises(ConfigurationError, match="public key can't be read"):
        sandboxes.make()
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances")) == ([], [])


# The drill's key.


def narrowed(policy: Policy) -> Policy:
    return [one for one in policy if one.get("Sid") != "SandboxHosts"]


def test_a_policy_without_the_image_is_named(sandboxes: SandboxWorld) -> None:
    sandboxes.region.allow(narrowed(sandboxes.region.policy))
    with pytest.raises(ConfigurationError, match=f"may not do that: .*RunInstances.*image/{sandboxes.image}"):
        sandboxes.make()


def test_the_gate_names_a_policy_that_is_wider(sandboxes: SandboxWorld) -> None:
    (check,) = SandboxWork(sandboxes.sandboxes, sandboxes.sandbox, SystemClock()).gate()
    assert check.status is CheckStatus.PASSED
    sandboxes.region.allow([*sandboxes.region.policy, {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}])
    with pytest.raises(RefusedError, match=r"too strong: it may terminate it \(i-"):
        SandboxWork(sandboxes.sandboxes, sandboxes.sandbox, SystemClock()).gate()


def test_the_documented_policy_is_no_more_than_that(sandboxes: SandboxWorld) -> None:
    """On the service's own instances, on others where the keys see none of it, and where there are none at all."""
    provider: Ec2Sandboxes = sandboxes.sandboxes
    assert isinstance(provider, LimitedCredential)
    assert provider.separate()
    for hosts in (("shop-db",), ("db-in-another-cloud",)):
        DRILLS.asked.clear()
        assert provider.overreach(hosts) is None
        tried = {name for name, one in DRILLS.asked if "DryRun" in one}
        assert {"TerminateInstances", "RunInstances", "DeleteVolume", "AuthorizeSecurityGroupEgress"} <= tried
    assert KEY


WIDER = {
    "ec2:TerminateInstances": r"it may terminate it \(i-",
    "ec2:RunInstances": r"it may run instances where it is \(subnet-",
    "ssm:SendCommand": r"it may run programs inside it \(i-",
    "ec2:AuthorizeSecurityGroupEgress": r"it may open the drill's own group \(sg-",
}


@pytest.mark.parametrize("hosts", [("shop-db",), ("db-in-another-cloud",)])
@pytest.mark.parametrize("action", WIDER)
def test_a_policy_that_is_wider_is_named(sandboxes: SandboxWorld, action: str, hosts: tuple[str, ...]) -> None:
    sandboxes.region.allow([*sandboxes.region.policy, {"Effect": "Allow", "Action": action, "Resource": "*"}])
    found = sandboxes.sandboxes.overreach(hosts)
    assert found is not None
    assert re.match(WIDER[action], found), found
