"""The region for machines of production: the example inventory for EC2 on a controller of its own, with db1 in the given subnet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract.ec2_drills.sandbox_world import make_controller_key
from tests.contract.provisioning.conftest import KNOWN_HOSTS, SECRET
from tests.contract.provisioning.controller import Controller

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.ec2_drills.world import Ec2DrillWorld
    from tests.contract.provisioning.controller import Done


class ProvisionedWorld:
    """``address`` is that of db1 in the world's isolated subnet; ``way``: options of ssh that lead there."""

    def __init__(self, world: Ec2DrillWorld, folder: Path, address: str, way: str = "") -> None:
        self.world = world
        self.address = address
        self.key = make_controller_key(folder)
        self.known_hosts = folder / "known_hosts"
        image = world.client.create_image(InstanceId=world.instances["shop-db"], Name="debian-13")["ImageId"]
        places = {
            "ec2_vm_access_key:": f"ec2_vm_endpoint: {world.endpoint}\nec2_vm_access_key:",
            KNOWN_HOSTS: str(self.known_hosts),
        }
        public = self.key.with_suffix(".pub").read_text(encoding="utf-8").strip()
        secrets = {"vault_aws_access_key": "test", "vault_aws_secret_key": SECRET, "vault_ssh_public_key": public}
        self.controller = Controller(folder, "aws", secrets, places)
        (self.controller.inventory / "region.aws_ec2.yml").unlink()
        self._variables = {
            "ansible_host": address,
            "ansible_ssh_private_key_file": str(self.key),
            "ec2_vm_image": image,
            "ec2_vm_subnet": world.subnet,
            "ec2_vm_placement_group": "",
            "ec2_vm_root_size_gib": 8,
            "ec2_vm_volumes": [],
            "ec2_vm_termination_protection": False,
            **({"ansible_ssh_extra_args": way} if way else {}),
        }

    def provision(self, *arguments: str, **variables: Any) -> Done:
        return self.controller.provision("--limit=db1", *arguments, variables={**self._variables, **variables})

    def lose(self) -> None:
        """db1 is terminated by somebody."""
        filters = [{"Name": "tag:Name", "Values": ["db1"]}, {"Name": "instance-state-name", "Values": ["running"]}]
        (found,) = self.world.client.describe_instances(Filters=filters)["Reservations"]
        self.world.client.terminate_instances(InstanceIds=[found["Instances"][0]["InstanceId"]])
