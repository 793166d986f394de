"""The region with an image for sandbox hosts, and what an instance of it becomes: a real ssh server with user data."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.contract.ec2_drills.world import POLL, PROFILE, documented
from tests.support.clocks import Hurried
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

    from drillbook.clock import Clock

LIMIT = timedelta(seconds=20)
RUN, OTHER_RUN = "20261129T103551Z-main-latest-ab12", "20261129T103551Z-main-latest-cd34"
USER = "admin"


class SandboxImage:
    """What the drill makes sandbox hosts by, with the drill's own key, and the policy that the how-to gives for it."""

    def __init__(self, region: Ec2DrillWorld, private_key: Path, way: str = "") -> None:
        """``private_key``: the controller's, its public half beside it; ``way``: options of ssh that lead to the host."""
        self.region = region
        self.private_key = private_key
        self.public_key = private_key.with_suffix(".pub").read_text().strip()
        self._way = way
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

    def open(self, clock: Clock | None = None, **more: Any) -> Ec2Sandboxes:
        place = self.place(**more)
        assert place.drill is not None
        assert place.drill.sandboxes is not None
        return Ec2Sandboxes(
            Ec2Api(place, "drill.json"), place, place.drill, place.drill.sandboxes, clock or SystemClock(), poll=POLL
        )

    def of(self, disk_bytes: int = 0, **ssh: str) -> SandboxHost:
        """The sandbox host of the inventory, which says the way to it."""
        said = {"private_key_file": str(self.private_key), "common_args": self._way, **ssh}
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


class SandboxWorld(SandboxImage):
    """The same with an ssh server that stands for the one instance, whatever its address."""

    def __init__(self, region: Ec2DrillWorld, host: SshHost, folder: Path) -> None:
        super().__init__(region, make_controller_key(folder), host.arguments)
        self.host = host

    def hurry(self) -> None:
        """Make its waits short, each call as long as ever: what is never answered is said soon, and a slow answer is none the less one."""
        self.sandboxes = self.open(Hurried())


def make_controller_key(folder: Path) -> Path:
    """Make the key by which the controller logs in; return the file of its private half."""
    key = folder / "controller"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "controller", "-f", key],  # noqa: S607 - where the PATH says
        check=True,
        timeout=20,
    )
    return key
