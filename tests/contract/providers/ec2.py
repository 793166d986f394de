"""EC2 as moto has it. It keeps no bytes, so a disk's content is what was written to its volume before its snapshot."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2.models import ec2_backends
from tests.support.secret_files import write_secret

from drillbook.clock import SystemClock
from drillbook.model import BackupMode, BackupRules, Machine, Retention
from drillbook.providers.ec2 import api
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.place import Ec2Place
from drillbook.providers.ec2.snapshots import Ec2Snapshots

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from drillbook.model import Backup

REGION = "eu-central-1"
SECOND_REGION = "eu-west-1"
HOSTS = ("shop-db", "shop-web1", "shop-web2")


def _connect(endpoint: str, region: str) -> Any:
    return boto3.client(
        "ec2", region_name=region, endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
    )


@cache
def _some_image(endpoint: str) -> str:
    """An image that moto has from the start; to list them takes it the better part of a second."""
    found = _connect(endpoint, REGION).describe_images(
        Owners=["amazon"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}]
    )
    return str(found["Images"][0]["ImageId"])


def listen(patch: pytest.MonkeyPatch) -> set[str]:
    """The operations that are called from now on, by clients that are made from now on."""
    called, connect = set(), api._connect

    def listening(*arguments: Any) -> Any:
        client = connect(*arguments)
        client.meta.events.register("before-call.ec2", lambda model, **_: called.add(f"ec2:{model.name}"))
        return client

    patch.setattr(api, "_connect", listening)
    return called


def documented_policy(page: Path) -> list[dict[str, Any]]:
    """The statements of the first policy on a page."""
    found = re.search(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    statements: list[dict[str, Any]] = json.loads(found[1])["Statement"]
    return statements


def actions_of(statement: dict[str, Any]) -> list[str]:
    """What a statement allows."""
    actions: str | list[str] = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


class Ec2World:
    """Three instances, each with a root volume and one for data."""

    hosts = HOSTS

    def __init__(self, endpoint: str, keys: Path) -> None:
        keys.mkdir(exist_ok=True)
        for user in ("snapshots.json", "backups.json"):
            write_secret(keys / user, {"access_key": "test", "secret_key": "test"})
        self.place = Ec2Place(name="aws", kind="ec2", region=REGION, endpoint=endpoint, credentials_directory=keys)
        self.api = Ec2Api(self.place, "snapshots.json")
        self.backups_api = Ec2Api(self.place, "backups.json")
        self.backups = Ec2Backups(self.backups_api, SystemClock(), poll=timedelta(milliseconds=20))
        self.rules = BackupRules("", BackupMode.SNAPSHOT, "", "", Retention(last=1), timedelta(hours=25))
        self.snapshots = Ec2Snapshots(self.api, SystemClock(), poll=timedelta(milliseconds=20))
        self.client = _connect(endpoint, REGION)
        self._written: list[tuple[str, str, frozenset[str]]] = []
        self._image = _some_image(endpoint)
        for host in HOSTS:
            self._run(host)

    def write(self, machine: Machine, text: str) -> None:
        """Remember what was written to each volume, and which snapshots were there before."""
        before = frozenset(
            entry["SnapshotId"] for entry in self.client.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        )
        self._written += [(volume["VolumeId"], text, before) for volume in self._volumes(machine)]

    def read(self, machine: Machine) -> str:
        """The newest text of each volume, or of the one that its snapshot was taken of, as it was then."""
        return " and ".join(sorted({self._content(volume) for volume in self._volumes(machine)}))

    def runs(self, machine: Machine) -> bool:
        return bool(self._instance(machine)["State"]["Name"] == "running")

    def twin(self, host: str) -> None:
        self._run(host)

    def lose(self, host: str) -> None:
        (machine,) = self.backups.find((host,))
        self.client.terminate_instances(InstanceIds=[machine.identifier])

    def damage(self, backup: Backup) -> None:
        """Take one of its snapshots away, as nobody can while it is used; behind moto's back."""
        client = self._of(backup)
        (image,) = client.describe_images(ImageIds=[backup.identifier])["Images"]
        ec2_backends[ACCOUNT][backup.place].snapshots.pop(image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])

    def lie(self, backup: Backup, note: str) -> None:
        self._of(backup).create_tags(Resources=[backup.identifier], Tags=[{"Key": "drillbook:note", "Value": note}])

    def foreign(self, host: str) -> None:
        (machine,) = self.backups.find((host,))
        self.client.create_image(InstanceId=machine.identifier, Name="before-upgrade", TagSpecifications=[])

    def stored(self) -> int:
        return len(self.client.describe_images(Owners=["self"])["Images"])

    def _of(self, backup: Backup) -> Any:
        return self.client if backup.place == REGION else _connect(str(self.place.endpoint), backup.place)

    def tag_as_aws(self, resource: str, key: str, value: str) -> None:
        """A tag that AWS alone can write; behind moto's back."""
        ec2_backends[ACCOUNT][REGION].tags[resource][key] = value

    def volumes(self) -> set[str]:
        return {volume["VolumeId"] for volume in self.client.describe_volumes()["Volumes"]}

    def _content(self, volume: Any) -> str:
        own = [text for written, text, _before in self._written if written == volume["VolumeId"]]
        return own[-1] if own else self._content_of_snapshot(volume["SnapshotId"])

    def _content_of_snapshot(self, identifier: str) -> str:
        (snapshot,) = self.client.describe_snapshots(SnapshotIds=[identifier])["Snapshots"]
        earlier = [
            text
            for written, text, before in self._written
            if written == snapshot["VolumeId"] and identifier not in before
        ]
        return earlier[-1]

    def _volumes(self, machine: Machine) -> list[Any]:
        filters = [{"Name": "attachment.instance-id", "Values": [machine.identifier]}]
        return list(self.client.describe_volumes(Filters=filters)["Volumes"])

    def _instance(self, machine: Machine) -> Any:
        return self.client.describe_instances(InstanceIds=[machine.identifier])["Reservations"][0]["Instances"][0]

    def _run(self, host: str) -> None:
        self.client.run_instances(
            ImageId=self._image,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": host}]}],
            BlockDeviceMappings=[
                {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "VolumeType": "gp3", "DeleteOnTermination": True}},
                {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": False}},
            ],
        )
