"""Sandbox hosts on EC2: instances of an image on a card that was isolated before, known by a host key that they make themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError, InfrastructureError, RefusedError
from drillbook.model import Claim, Login, Machine, Power, SandboxHost
from drillbook.providers.cloud_init import read_public_key
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.claim_names import name_for, refuse_foreign_name
from drillbook.providers.ec2.drill.cloud_config import cloud_config
from drillbook.providers.ec2.drill.first_login import FirstLogin
from drillbook.providers.ec2.drill.instance_type import InstanceType
from drillbook.providers.ec2.drill.instances import InstanceOrder, Instances, network_name
from drillbook.providers.ec2.drill.limits import find_sandbox_overreach
from drillbook.providers.ec2.drill.network import refuse_unless_isolated
from drillbook.providers.ec2.drill.removal import Removal
from drillbook.providers.ec2.images import snapshots_of
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place, Ec2SandboxImage
from drillbook.providers.pinned_ssh import PinnedSsh
from drillbook.ssh_key import SshKey

_POLL = timedelta(seconds=2)
_GIBIBYTE = 1 << 30
_DATA_DEVICES = tuple(f"/dev/sd{letter}" for letter in "fghijklmnop")
"""Names that EC2 recommends for more volumes (docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html)."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What this run made: the instance, the device of its data's disk or "", the throw-away key's public half.

    ``order`` is what it was made of, without the user data.
    """

    sandbox: SandboxHost
    order: InstanceOrder
    instance: str
    data_device: str
    host_key: str


class Ec2Sandboxes:
    """Implements `Sandboxes` and `LimitedCredential`.

    A claim's identifier is the name that instance, card and disks carry as a tag. Without an instance profile nothing in the instance can
    ask AWS for anything, so it is looked at by ssh alone.
    """

    def __init__(
        self,
        api: Ec2Api,
        place: Ec2Place,
        drill: Ec2DrillRange,
        sandboxes: Ec2SandboxImage,
        clock: Clock,
        poll: timedelta = _POLL,
    ) -> None:
        self._api = api
        self._place = place
        self._drill = drill
        self._sandboxes = sandboxes
        self._clock = clock
        self._poll = poll
        self._instances = Instances(api, drill, clock, poll)
        self._instance_type = sandboxes.instance_type or drill.instance_type
        key = "drill.sandboxes.instance_type" if sandboxes.instance_type else "drill.instance_type"
        self._type = InstanceType(api, self._instance_type, key)
        self._made: dict[str, _Made] = {}

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """A name; no call is made."""
        return Claim(self._place.name, host, name_for(host, run_id, taken), run_id)

    def make(self, claim: Claim, sandbox: SandboxHost, timeout: timedelta) -> Machine:
        """Make its card, read back that it is isolated, and run the image on it; each call has a token, so that none makes anything twice."""
        deadline = self._clock.monotonic() + timeout
        refuse_foreign_name(claim, self._place.name)
        public_key = read_public_key(self._sandboxes.public_key_file, self._place.name)
        image = self._image()
        data_device = self._data_device(sandbox, image)
        refuse_unless_isolated(self._api, self._drill)
        self._type.refuse_misfit(image, 1, f"the image of {claim.host}")
        card = self._instances.make_card(claim, 0)
        interface = str(card["NetworkInterfaceId"])
        self._refuse_a_way_out(claim, (interface,))
        host_key = SshKey.generate()
        order = InstanceOrder(
            claim=claim,
            image=self._sandboxes.image,
            instance_type=self._instance_type,
            disks=tuple(self._disks(image, sandbox, data_device)),
            interfaces=(interface,),
            user_data=cloud_config(claim.host, self._sandboxes.user, public_key, host_key),
        )
        instance = self._instances.run(order)
        order = replace(order, user_data="")
        self._made[claim.identifier] = _Made(sandbox, order, instance, data_device, host_key.public)
        self._instances.wait_until_running(instance, order, deadline)
        return Machine(claim.host, claim.identifier, str(card["AvailabilityZone"]), Power.RUNNING)

    def reach(self, machine: Machine, timeout: timedelta) -> Login:
        """Read back that it is isolated, log in by the throw-away key, and have the host make its own; that one is pinned."""
        deadline = self._clock.monotonic() + timeout
        made = self._made.get(machine.identifier)
        if made is None:
            raise RefusedError(
                "only what this run made is logged in to", where=machine.identifier, remedy="Run the drill again."
            )
        found = self._instances.wait_until_running(made.instance, made.order, deadline)
        address = self._refuse_a_way_out(made.order.claim, made.order.interfaces)
        ssh = PinnedSsh(machine.host, address, self._sandboxes.user, made.sandbox.ssh, made.host_key)
        first = FirstLogin(
            ssh,
            self._clock,
            self._poll,
            deadline=deadline,
            timeout=timeout,
            alive=lambda: self._instances.running(made.instance, machine.host),
        )
        first.wait_for_cloud_init()
        if made.data_device:
            first.mount_disk(_volume(found, made.data_device), made.data_device, self._sandboxes.data_path)
        own_key = first.replace_host_key()
        # Once more: DHCP always gives an instance a default route there, so that nothing inside can tell.
        refuse_unless_isolated(self._api, self._drill)
        inspected = f"EC2's own routes, group and endpoints of {self._drill.subnet}"
        variables = {"ansible_host": address, "ansible_user": self._sandboxes.user}
        return Login({**variables, "isolation_routed": "true", "isolation_inspected_by": inspected}, own_key)

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Terminate the instance, delete card and disks; each one's name, subnet and run are looked at first."""
        refuse_foreign_name(claim, self._place.name)
        Removal(self._api, self._drill, self._clock, self._poll).remove(claim, timeout)

    def separate(self) -> bool:
        """Whether the place has keys for drills; what boto3 finds by itself serves everything."""
        return self._place.credentials_directory is not None

    def overreach(self, hosts: Sequence[str]) -> str | None:
        """Asked of EC2 as dry runs, which have no effect: on the service's own instances, or else on others that are not a drill's.

        Raises RefusedError where the drill's network is not isolated: then the limits of its keys are no fence.
        """
        refuse_unless_isolated(self._api, self._drill)
        return find_sandbox_overreach(self._api, self._api.of_service("ssm"), self._drill, self._sandboxes.image, hosts)

    def _wrong(self, key: str, message: str) -> ConfigurationError:
        where = f"drillbook_providers, {self._place.name}, drill.sandboxes.{key}"
        return ConfigurationError(message, where=where, remedy="Correct it there; nothing was made.")

    def _image(self) -> Mapping[str, Any]:
        name = self._sandboxes.image
        filters = [{"Name": "image-id", "Values": [name]}]
        image = next(iter(self._api.pages("describe_images", "Images", Filters=filters)), None)
        if image is None:
            raise self._wrong("image", f"there is no image {name} in {self._api.region} that the drill's keys see")
        if image["State"] != "available":
            raise self._wrong("image", f"the image {name} is {image['State']}")
        return image

    def _data_device(self, sandbox: SandboxHost, image: Mapping[str, Any]) -> str:
        """The name of the disk for the data, one that the image does not use; "" where it is to be on the image's own."""
        if not sandbox.disk_bytes or not self._sandboxes.data_path:
            return ""
        return next(one for one in _DATA_DEVICES if one not in snapshots_of(image))

    def _disks(self, image: Mapping[str, Any], sandbox: SandboxHost, data_device: str) -> list[Mapping[str, Any]]:
        """The image's own, and the one for the data; where there is none, the one that it starts from is as large as wanted."""
        encrypted = {"Encrypted": True} if self._sandboxes.encrypted else {}
        wanted = -(-sandbox.disk_bytes // _GIBIBYTE)
        disks = {device: dict[str, Any](encrypted) for device in sorted(snapshots_of(image))}
        if data_device:
            disks[data_device] = {**encrypted, "VolumeSize": wanted, "VolumeType": "gp3"}
        elif wanted > _root_size(image):
            disks[str(image["RootDeviceName"])]["VolumeSize"] = wanted
        return [{"DeviceName": device, "Ebs": ebs} for device, ebs in disks.items()]

    def _refuse_a_way_out(self, claim: Claim, interfaces: Sequence[str]) -> str:
        """Return its address; raises RefusedError unless each card that has its name is on the isolated network alone."""
        isolated = network_name(self._drill.subnet, self._drill.security_group)
        cards = self._instances.cards(claim.identifier, interfaces)
        elsewhere = [card for card in cards if card.network != isolated or card.name not in interfaces]
        if elsewhere:
            raise RefusedError(
                f"it would not be isolated: {', '.join(f'{card.name} is on {card.network}' for card in elsewhere)}",
                where=f"{claim.host} ({claim.identifier})",
                remedy="See in the account's events who changed that; nobody logged in, and the run removes it.",
            )
        return cards[0].address


def _root_size(image: Mapping[str, Any]) -> int:
    """GiB of the disk that it starts from; cloud-init grows the file system to what the disk has (growpart, resizefs)."""
    sizes = {entry["DeviceName"]: entry.get("Ebs", {}).get("VolumeSize", 0) for entry in image["BlockDeviceMappings"]}
    return int(sizes[image["RootDeviceName"]])


def _volume(instance: Mapping[str, Any], device: str) -> str:
    """The id of its volume of that name."""
    for entry in instance.get("BlockDeviceMappings", ()):
        if entry["DeviceName"] == device:
            return str(entry["Ebs"]["VolumeId"])
    raise InfrastructureError(
        f"EC2 shows no volume as {device}", where=str(instance["InstanceId"]), remedy="Run the drill again."
    )
