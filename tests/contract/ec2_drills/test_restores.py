"""EC2 in the suite of all providers (tests/contract/providers/test_restores.py), with the region that drills have here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills.world import RULES, Ec2DrillWorld
from tests.contract.providers.test_restores import *  # noqa: F403 - each of its tests runs here, too

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.providers.world import RestoreWorld

    from drillbook.model import Backup, Claim, GuestAnswer


class Ec2RestoreWorld:
    """The region without the backups that drills begin with."""

    rules = RULES
    exclusive = False
    limited = True

    def __init__(self, region: Ec2DrillWorld) -> None:
        self._region = region
        self._backend = region.backend
        self.restores = region.restores()
        for host in region.instances:
            for backup in region.taker.backups((host,), RULES):
                region.taker.remove(backup, region.limit)
        region.remember()
        self._planned: list[dict[str, Any]] = []

    def write(self, host: str, path: str, text: str) -> None:
        self._region.write(host, path, text)

    def plan(self, host: str, script: str, answer: GuestAnswer | None) -> None:
        """Into the shell on its disk, which the copies have, too."""
        ends = {"exitcode": answer.exit_code, "out": answer.output} if answer else {"hangs": True}
        self._planned.append({"contains": script, **ends})
        self.write(host, "/bin/sh", json.dumps(self._planned))

    def back_up(self, host: str, run: str) -> Backup:  # noqa: ARG002 - the region counts its runs itself
        self._region.back_up(host)
        return self.restores.backups((host,), RULES)[-1]

    def damage(self, backup: Backup) -> None:
        (image,) = self._region.client.describe_images(ImageIds=[backup.identifier])["Images"]
        self._backend.snapshots.pop(image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])

    def lie(self, backup: Backup, note: str) -> None:
        tags = [{"Key": "drillbook:note", "Value": note}]
        self._region.client.create_tags(Resources=[backup.identifier], Tags=tags)

    def foreign(self, host: str) -> None:
        self._region.client.create_image(InstanceId=self._region.instances[host], Name="before-upgrade")

    def lose(self, host: str) -> None:
        self._region.client.terminate_instances(InstanceIds=[self._region.instances[host]])
        self._region.remember()

    def identifier(self, host: str) -> str:
        return self._region.instances[host]

    def macs(self, host: str) -> frozenset[str]:
        instance = self._backend.get_instance(self._region.instances[host])
        return frozenset(card.mac_address for card in instance.nics.values())

    def production(self) -> object:
        return self._region.production(), {host: self._region.files(host) for host in self._region.instances}

    def others(self) -> frozenset[str]:
        """By the name that everything carries which was made of one claim; what has none by its identifier."""
        left = self._region.left()
        filters = [{"Name": "resource-id", "Values": sorted(left)}, {"Name": "key", "Values": ["Name"]}]
        named = self._region.client.describe_tags(Filters=filters)["Tags"] if left else []
        return frozenset(tag["Value"] for tag in named) | left - {tag["ResourceId"] for tag in named}

    def intrude(self, claim: Claim) -> None:
        self._region.run(claim.identifier)

    def outside(self, claim: Claim) -> Sequence[str]:
        name = claim.identifier
        return ("", f"{name}/../shop-db", f" {name}", f"{name}\n", f"{name}-x", name.upper(), f"{name},shop-db", "*")

    def strengthen(self, host: str) -> None:
        instance = f"arn:aws:ec2:*:*:instance/{self._region.instances[host]}"
        self._region.allow(
            [*self._region.policy, {"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": instance}]
        )


@pytest.fixture
def restore_world(world: Ec2DrillWorld) -> RestoreWorld:
    return Ec2RestoreWorld(world)
