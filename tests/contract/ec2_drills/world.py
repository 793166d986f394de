"""A shop of two instances with backups in moto, an isolated subnet beside it, and a key with the policy that the how-to gives."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2.models import ec2_backends
from tests.contract.machine_drills.world import HEARTBEAT, shell_rules
from tests.support.ec2_drills import files_of
from tests.support.ec2_rights import RIGHTS
from tests.support.secret_files import write_secret

from drillbook.clock import SystemClock
from drillbook.model import Backup, BackupMode, BackupNote, BackupRules, Retention, format_instant
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place
from drillbook.providers.ec2.restores import Ec2Restores

if TYPE_CHECKING:
    from tests.support.ec2_rights import Policy

_SDK: Any = boto3  # its types know each service's name as a literal, and here it is an argument
HOW_TO = Path(__file__).resolve().parents[3] / "docs/how-to"
REGION = "eu-central-1"
HOSTS = ("shop-db", "shop-web1")
KEY = "AKIA" + "DRILL" * 3 + "0"
POLL = timedelta(milliseconds=20)
RULES = BackupRules("", BackupMode.SNAPSHOT, "", "", Retention(last=1), timedelta(hours=25))
PROFILE = "drillbook-drill"


def documented(mark: str) -> str:
    """The statements of the one policy in the how-tos of drills that has this in it."""
    text = "".join((HOW_TO / page).read_text(encoding="utf-8") for page in ("drill-machines.md", "sandbox-hosts.md"))
    found = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    (body,) = [json.dumps(one["Statement"]) for one in found if mark in json.dumps(one)]
    return body


def documented_endpoint_policy() -> str:
    """The statements of the policy that each endpoint has."""
    return documented("aws:PrincipalArn")


def documented_policy(**places: str) -> Policy:
    """The policy of the drill's key in the how-to, with this world's own names in the place of the example's."""
    body = documented("OnlyBackups")
    for example, own in {"111122223333": ACCOUNT, **places}.items():
        assert example in body
        body = body.replace(example, own)
    policy: Policy = json.loads(body)
    return policy


@cache
def connect(endpoint: str, service: str) -> Any:
    """A client of who may do everything."""
    return _SDK.client(
        service, region_name=REGION, endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
    )


class Ec2DrillWorld:
    """The region with the shop, and the inventory that says so."""

    limit = timedelta(seconds=10)

    def __init__(self, endpoint: str, state_directory: Path, isolated: str = "10.9.1.0/24") -> None:
        """``isolated``: the addresses of the drill's subnet."""
        self.isolated = ip_network(isolated)
        self.endpoint = endpoint
        self.state_directory = state_directory
        self.keys = state_directory / "keys"
        self.keys.mkdir(parents=True, exist_ok=True)
        for user, key in (("backups", "test"), ("drill", KEY)):
            write_secret(self.keys / f"{user}.json", {"access_key": key, "secret_key": "not-so-secret"})
        self.client = connect(endpoint, "ec2")
        self._make_network()
        self.place = Ec2Place(
            name="aws",
            kind="ec2",
            region=REGION,
            endpoint=endpoint,
            credentials_directory=self.keys,
            drill=self.range(),
        )
        self.taker = Ec2Backups(Ec2Api(self.place, "backups.json"), SystemClock(), poll=POLL)
        self._make_role()
        self.allow(documented_policy(**{"subnet-0d111111111111111": self.subnet, "sg-0d222222222222222": self.group}))
        self.instances = {host: self.run(host) for host in HOSTS}
        other = self.run("other")
        self.addresses = {host: self._address(one) for host, one in {**self.instances, "other": other}.items()}
        for host in HOSTS:
            self.beat(host)
            self.back_up(host)

    def range(self) -> Ec2DrillRange:
        return Ec2DrillRange(
            subnet=self.subnet, security_group=self.group, instance_type="t3.medium", instance_profile=PROFILE
        )

    @property
    def backend(self) -> Any:
        """Moto's own things, for what no call changes."""
        return ec2_backends[ACCOUNT][REGION]

    def allow(self, policy: Policy) -> None:
        RIGHTS.policies[KEY] = policy

    @property
    def policy(self) -> Policy:
        return RIGHTS.policies[KEY]

    def files(self, host: str) -> dict[str, str]:
        """What is on the root volume of a machine of production; nothing where that is gone."""
        mapping = self.backend.get_instance(self.instances[host]).block_device_mapping
        volume = self.backend.volumes.get(mapping["/dev/sda1"].volume_id) if "/dev/sda1" in mapping else None
        return files_of(volume) if volume else {}

    def write(self, host: str, path: str, text: str) -> None:
        """Onto the root volume of a machine of production."""
        self.files(host)[path] = text

    def beat(self, host: str, *, age: float = 5.0, name: str | None = None) -> None:
        """Leave a heartbeat on a machine of production, and a shell beside it."""
        written = datetime.now(UTC) - timedelta(seconds=age)
        body = {"service": "shop", "host": name or host, "counter": 7, "written_at": format_instant(written)}
        self.write(host, HEARTBEAT, json.dumps(body))
        self.write(host, "/bin/sh", shell_rules(reached=()))

    def back_up(self, host: str) -> Backup:
        """As `drillbook backup create` does it; a minute ago, so that two are told apart and none is of the future."""
        (machine,) = self.taker.find((host,))
        note = BackupNote(host, "shop", f"run{len(self.backend.amis)}", machine.identifier).render()
        made = self.taker.back_up(machine, RULES, note=note, timeout=self.limit)
        image = self.backend.amis[made.identifier]
        former = [one for one in self.backend.amis.values() if hasattr(one, "drives") and one.id != image.id]
        image.creation_date = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=90 - len(former))
        return made

    def restores(self) -> Ec2Restores:
        """What the drill makes machines by, with the drill's own key."""
        return Ec2Restores(Ec2Api(self.place, "drill.json"), self.place, self.range(), SystemClock(), poll=POLL)

    def left(self) -> set[str]:
        """Everything that is there and is neither production nor the place for drills."""
        return self._everything() - self._known

    def remember(self) -> None:
        """From here on, what comes is a drill's."""
        self._known, self.before = self._everything(), self.production()

    def production(self) -> dict[str, Any]:
        """The machines as they are, to be compared."""
        wanted = list(self.instances.values())
        found = self.client.describe_instances(InstanceIds=wanted)["Reservations"]
        return {one["InstanceId"]: one for reservation in found for one in reservation["Instances"]}

    def inventory(self, **machines: Any) -> dict[str, Any]:
        directory = str(self.state_directory)
        place = {
            "name": "aws",
            "kind": "ec2",
            "region": REGION,
            "endpoint": self.endpoint,
            "credentials_directory": str(self.keys),
            "drill": {
                "subnet": self.subnet,
                "security_group": self.group,
                "instance_type": "t3.medium",
                "instance_profile": PROFILE,
            },
        }
        return {
            "_meta": {"hostvars": {host: {"ansible_host": address} for host, address in self.addresses.items()}},
            "all": {
                "children": ["others", "shop", "ungrouped"],
                "vars": {
                    "drillbook_state_directory": directory,
                    "drillbook_object_store": {
                        "endpoint": "https://192.0.2.9:7480",
                        "repositories": {"pgbackrest": {"bucket": "repository"}},
                        "evidence_bucket": "evidence",
                        "heartbeat_bucket": "heartbeat",
                        "credentials_directory": f"{directory}/credentials",
                    },
                    "drillbook_evidence": {
                        "directory": f"{directory}/evidence",
                        "signing_key_file": f"{directory}/key.pem",
                        "anchored": False,
                    },
                    "drillbook_providers": [place],
                    "drillbook_machine_timeout_seconds": 20,
                    "drillbook_step_timeout_seconds": 20,
                },
            },
            "others": {"hosts": ["other"]},
            "shop": {
                "hosts": list(HOSTS),
                "vars": {
                    "drillbook_service": {
                        "name": "shop",
                        "kind": "machines",
                        "objectives": {"rto_seconds": 120, "rpo_seconds": 4000},
                        "backup_interval_seconds": 3600,
                    },
                    "drillbook_drills": [{"name": "shop-latest"}],
                    "drillbook_machines": {
                        "provider": "aws",
                        "order": [["shop-db"], ["shop-web1"]],
                        "backup": {},
                        "probes": {"shop-db": {"ports": [5432], "units": ["postgresql"]}},
                        "ready_seconds": 3,
                        **machines,
                    },
                },
            },
        }

    def _make_network(self) -> None:
        """Production and drills in VPCs of their own; the endpoint's group is led to, as the how-to says."""
        self.production_vpc = self.client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.production_subnet = self._subnet(self.production_vpc, "10.0.1.0/24")
        around = self.isolated.supernet(new_prefix=16)
        self.vpc = self.client.create_vpc(CidrBlock=str(around))["Vpc"]["VpcId"]
        self.subnet = self._subnet(self.vpc, str(self.isolated))
        self.group = self._group("drill", self.vpc)
        self.endpoints = self._group("endpoints", self.vpc)
        for service in ("ssm", "ssmmessages", "ec2messages"):
            self.add_endpoint(service)
        everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.client.revoke_security_group_egress(GroupId=self.group, IpPermissions=everywhere)
        self.let_out(UserIdGroupPairs=[{"GroupId": self.group}])
        self.let_out(UserIdGroupPairs=[{"GroupId": self.endpoints}])
        self.let_out(IpRanges=[{"CidrIp": str(next(self.isolated.subnets()))}])
        self.let_in(UserIdGroupPairs=[{"GroupId": self.group}])

    def add_endpoint(self, service: str, **parameters: Any) -> str:
        """One as the how-to wants it, in the drill's subnet; ``parameters`` say otherwise."""
        policy = {"Statement": json.loads(documented_endpoint_policy())}
        made = self.client.create_vpc_endpoint(
            **{
                "VpcId": self.vpc,
                "VpcEndpointType": "Interface",
                "ServiceName": f"com.amazonaws.{REGION}.{service}",
                "SubnetIds": [self.subnet],
                "SecurityGroupIds": [self.endpoints],
                "PolicyDocument": json.dumps(policy),
                **parameters,
            }
        )
        return str(made["VpcEndpoint"]["VpcEndpointId"])

    def let_out(self, **targets: Any) -> None:
        self.client.authorize_security_group_egress(
            GroupId=self.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, **targets}]
        )

    def let_in(self, **sources: Any) -> None:
        self.client.authorize_security_group_ingress(
            GroupId=self.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, **sources}]
        )

    def _subnet(self, vpc: str, cidr: str) -> str:
        made = self.client.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}a")
        return str(made["Subnet"]["SubnetId"])

    def _group(self, name: str, vpc: str) -> str:
        return str(self.client.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def _make_role(self) -> None:
        iam = connect(self.endpoint, "iam")
        role = iam.create_role(RoleName=PROFILE, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.create_instance_profile(InstanceProfileName=PROFILE)
        iam.add_role_to_instance_profile(InstanceProfileName=PROFILE, RoleName=PROFILE)
        RIGHTS.roles[PROFILE] = role

    def run(self, host: str) -> str:
        """Run an instance of production of this name."""
        image = next(iter(self.backend.amis))
        made = self.client.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.production_subnet,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": host}]}],
            BlockDeviceMappings=[
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": False}},
            ],
        )
        return str(made["Instances"][0]["InstanceId"])

    def _address(self, instance: str) -> str:
        return str(self.backend.get_instance(instance).private_ip)

    def _everything(self) -> set[str]:
        instances = [one.id for one in self.backend.all_instances() if one.state != "terminated"]
        return {*instances, *self.backend.enis, *self.backend.volumes}
