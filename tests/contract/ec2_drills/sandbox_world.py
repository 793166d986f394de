"""The region with an image for sandbox hosts, and a host that is what an instance of it becomes: a real ssh server with user data."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.contract.ec2_drills.world import POLL, PROFILE, documented
from tests.support.ec2_drills import DRILLS

from drillbook.clock import SystemClock
from drillbook.model import Claim, Machine, SandboxHost, SshOptions
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place, Ec2SandboxImage
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.ec2_drills.world import Ec2DrillWorld
    from tests.support.ec2_rights import Policy
    from tests.support.ssh_host import SshHost

LIMIT = timedelta(seconds=20)
RUN, OTHER_RUN = "20261129T103551Z-main-latest-ab12", "20261129T103551Z-main-latest-cd34"
USER = "admin"


class SandboxWorld:
    """What the drill makes sandbox hosts by, with the drill's own key, and the policy that the how-to gives for it."""

    def __init__(self, region: Ec2DrillWorld, host: SshHost, folder: Path) -> None:
        self.region = region
        self.host = host
        self.private_key = folder / "controller"
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "controller", "-f", self.private_key],  # noqa: S607 - where the PATH says
            check=True,
            timeout=20,
        )
        self.public_key = self.private_key.with_suffix(".pub").read_text().strip()
        made = region.client.create_image(InstanceId=region.instances["shop-db"], Name="debian-13-postgresql")
        self.image = str(made["ImageId"])
        region.allow([*region.policy, *self.documented_statements()])
        region.remember()
        DRILLS.asked.clear()
        self.sandboxes = self.open()
        self.sandbox = self.of()

    def documented_statements(self) -> Policy:
        """What the how-to adds to the key's policy for sandbox hosts."""
        body = documented("SandboxHosts")
        assert "ami-0d333333333333333" in body
        statements: Policy = json.loads(body.replace("ami-0d333333333333333", self.image))
        return statements

    def options(self, **more: Any) -> Ec2SandboxImage:
        return Ec2SandboxImage(
            image=self.image, user=USER, public_key_file=self.private_key.with_suffix(".pub"), **more
        )

    def place(self, **more: Any) -> Ec2Place:
        drill = Ec2DrillRange(
            subnet=self.region.subnet,
            security_group=self.region.group,
            instance_type="t3.medium",
            instance_profile=PROFILE,
            sandboxes=self.options(**more),
        )
        return self.region.place.model_copy(update={"drill": drill})

    def open(self, **more: Any) -> Ec2Sandboxes:
        place = self.place(**more)
        assert place.drill is not None
        assert place.drill.sandboxes is not None
        return Ec2Sandboxes(
            Ec2Api(place, "drill.json"), place, place.drill, place.drill.sandboxes, SystemClock(), poll=POLL
        )

    def of(self, disk_bytes: int = 0, **ssh: str) -> SandboxHost:
        """The sandbox host of the inventory, which says the way to the ssh server."""
        said = {"private_key_file": str(self.private_key), "common_args": self.host.arguments, **ssh}
        return SandboxHost("sandbox1", "aws", disk_bytes, ssh=SshOptions(**said))

    def claim(self, run: str = RUN) -> Claim:
        return self.sandboxes.claim("sandbox1", run, ())

    def make(self) -> Machine:
        return self.sandboxes.make(self.claim(), self.sandbox, LIMIT)

    def user_data(self) -> str:
        """What RunInstances was given."""
        return b64decode(DRILLS.of("RunInstances")[-1]["UserData"]).decode()

    def instance(self) -> dict[str, Any]:
        (found,) = self.region.client.describe_instances(
            Filters=[{"Name": "tag:Name", "Values": [self.claim().identifier]}]
        )["Reservations"]
        instance: dict[str, Any] = found["Instances"][0]
        return instance
