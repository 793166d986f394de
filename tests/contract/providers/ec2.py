"""EC2 as moto has it. It keeps no bytes, so a disk's content is what was written to its volume before its snapshot."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3

from drillbook.clock import SystemClock
from drillbook.model import Ec2Place, Machine
from drillbook.providers.ec2 import Ec2Api, Ec2Snapshots

if TYPE_CHECKING:
    from pathlib import Path

REGION = "eu-central-1"
HOSTS = ("shop-db", "shop-web1", "shop-web2")


class Ec2World:
    """Three instances, each with a root volume and one for data."""

    hosts = HOSTS

    def __init__(self, endpoint: str, keys: Path) -> None:
        keys.write_text('{"access_key": "test", "secret_key": "test"}', encoding="utf-8")
        place = Ec2Place("aws", REGION, endpoint, None, keys)
        self.api = Ec2Api(place)
        self.snapshots = Ec2Snapshots(self.api, SystemClock(), poll=timedelta(milliseconds=20))
        self.client: Any = boto3.client(
            "ec2", region_name=REGION, endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test"
        )
        self._written: list[tuple[str, str, frozenset[str]]] = []
        self._image = self.client.describe_images(
            Owners=["amazon"], Filters=[{"Name": "architecture", "Values": ["x86_64"]}]
        )["Images"][0]["ImageId"]
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
