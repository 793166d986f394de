"""Machines of a drill on EC2: run from images on network interfaces that were isolated before, and removed again."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, RefusedError
from drillbook.model import Backup, BackupNote, BackupRules, Claim, GuestAnswer, Machine, NetworkCard, Power
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.claim_names import name_for, refuse_foreign_name
from drillbook.providers.ec2.drill.instance_type import InstanceType
from drillbook.providers.ec2.drill.instances import InstanceOrder, Instances, network_name, user_data_for
from drillbook.providers.ec2.drill.limits import find_overreach
from drillbook.providers.ec2.drill.network import refuse_unless_isolated
from drillbook.providers.ec2.drill.removal import Removal
from drillbook.providers.ec2.drill.systems_manager import SystemsManager
from drillbook.providers.ec2.drill.volumes import wait_until_whole
from drillbook.providers.ec2.images import CARDS_TAG, HOST_TAG, Images, snapshots_of
from drillbook.providers.ec2.place import Ec2DrillRange, Ec2Place
from drillbook.providers.ec2.tags import tags_of
from drillbook.providers.reading import read_small_file
from drillbook.untrusted import whole_number

_POLL = timedelta(seconds=2)
_READ_LIMIT = timedelta(seconds=30)
_MOST_CARDS = 32
"""More than any instance type has (docs.aws.amazon.com, "Maximum IP addresses per network interface")."""


class Ec2Restores:
    """Implements `Restores`, `LiveRestores` and `LimitedCredential`.

    A claim's identifier, and a machine's, is the name that everything made for it carries as a tag.

    An instance can't be made without running. So a restore makes its network interfaces, which are read back, and only the
    start makes the instance, of the image and those interfaces.
    """

    def __init__(
        self, api: Ec2Api, place: Ec2Place, drill: Ec2DrillRange, clock: Clock, poll: timedelta = _POLL
    ) -> None:
        self._api = api
        self._place = place
        self._drill = drill
        self._clock = clock
        self._poll = poll
        self._images = Images(api, clock, poll)
        self._instances = Instances(api, drill, clock, poll)
        self._type = InstanceType(api, drill.instance_type)
        self._agents = SystemsManager(api.of_service("ssm"), clock, poll)
        self._orders: dict[str, InstanceOrder] = {}
        self._running: dict[str, str] = {}

    def backups(self, hosts: Sequence[str], rules: BackupRules) -> tuple[Backup, ...]:  # noqa: ARG002 - copies are not drilled
        """The images of these hosts in the region that are whole; copies in another region are none."""
        return self._images.usable(hosts)

    def claim(self, host: str, run_id: str, taken: Collection[str]) -> Claim:
        """A name; no call is made."""
        return Claim(self._place.name, host, name_for(host, run_id, taken), run_id)

    def restore(self, claim: Claim, backup: Backup, timeout: timedelta) -> Machine:  # noqa: ARG002 - each call is bounded
        """Make its network interfaces, once subnet, group, image and type are seen to be as they must; `start` runs it."""
        refuse_foreign_name(claim, self._place.name)
        image = self._image(claim, backup)
        refuse_unless_isolated(self._api, self._drill)
        tags = tags_of(image)
        said = {CARDS_TAG: "1", **tags}
        count = max(1, whole_number(said, CARDS_TAG, where=f"the tags of {backup.identifier}", largest=_MOST_CARDS))
        self._type.refuse_misfit(image, count, f"the backup of {claim.host}")
        made = [self._instances.make_card(claim, number) for number in range(count)]
        self._orders[claim.identifier] = InstanceOrder(
            claim=claim,
            image=backup.identifier,
            instance_type=self._drill.instance_type,
            disks=tuple({"DeviceName": device} for device in sorted(snapshots_of(image))),
            interfaces=tuple(str(one["NetworkInterfaceId"]) for one in made),
            user_data=user_data_for(claim.host),
            profile=self._drill.instance_profile,
        )
        return Machine(claim.host, claim.identifier, str(made[0]["AvailabilityZone"]), Power.STOPPED)

    def cards(self, machine: Machine) -> tuple[NetworkCard, ...]:
        """The network interfaces that carry its name, whether it runs yet or not."""
        order = self._orders.get(machine.identifier)
        return self._instances.cards(machine.identifier, order.interfaces if order else ())

    def isolated_network(self) -> str:
        """The subnet and the one group of the drill range."""
        return network_name(self._drill.subnet, self._drill.security_group)

    def forbidden_macs(self, backup: Backup) -> frozenset[str]:
        """Those that the instance has now which the backup is of; EC2 gives none twice."""
        filters = [{"Name": "attachment.instance-id", "Values": [backup.source]}]
        found = self._api.pages("describe_network_interfaces", "NetworkInterfaces", Filters=filters)
        return frozenset(str(one["MacAddress"]).lower() for one in found)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """Run the instance of its image on its interfaces, and read back that it has no other; returns when it runs."""
        order = self._orders.get(machine.identifier)
        if order is None:
            raise RefusedError(
                "only what this run restored is started", where=machine.identifier, remedy="Restore it first."
            )
        deadline = self._clock.monotonic() + timeout
        instance = self._instances.run(order)
        self._running[machine.identifier] = instance
        self._instances.wait_until_running(instance, order, deadline)

    def live(self) -> bool:
        """Always: a volume is fetched from its snapshot while it is used."""
        return True

    def finish(self, machine: Machine, timeout: timedelta) -> bool:
        """Wait until its volumes are fetched; False where EC2 does not tell."""
        return wait_until_whole(self._api, self._clock, self._poll, self._instance(machine), timeout)

    def answers(self, machine: Machine) -> bool:
        """Whether Systems Manager's agent inside has reported; of what this run has not started none has."""
        instance = self._running.get(machine.identifier)
        return instance is not None and self._agents.answers(instance)

    def read(self, machine: Machine, path: str) -> str | None:
        """By head; a file that is there and can't be read, or is too large to be passed on, is an error."""
        return read_small_file(self.run, machine, path, _READ_LIMIT)

    def run(self, machine: Machine, script: str, timeout: timedelta) -> GuestAnswer:
        """By Systems Manager's Run Command, as root."""
        return self._agents.run(machine, self._instance(machine), script, timeout)

    def destroy(self, claim: Claim, timeout: timedelta) -> None:
        """Terminate the instance, delete interfaces and volumes; each one's name, subnet and run are looked at first."""
        refuse_foreign_name(claim, self._place.name)
        Removal(self._api, self._drill, self._clock, self._poll).remove(claim, timeout)

    def separate(self) -> bool:
        """Whether the place has keys for drills; what boto3 finds by itself serves everything."""
        return self._place.credentials_directory is not None

    def overreach(self, hosts: Sequence[str]) -> str | None:
        """Asked of EC2 as dry runs on the machines, their volumes, cards and backups, which have no effect.

        Raises RefusedError where the drill's network is not isolated: then the limits of its keys are no fence.
        """
        refuse_unless_isolated(self._api, self._drill)
        return find_overreach(self._api, self._api.of_service("ssm"), self._drill, hosts, self._images.usable(hosts))

    def _image(self, claim: Claim, backup: Backup) -> Mapping[str, Any]:
        """The backup's image; raises RefusedError where it is of another host, InfrastructureError where it is not whole."""
        image = self._images.one("image-id", backup.identifier)
        if image is None or tags_of(image).get(HOST_TAG) != claim.host or backup.host != claim.host:
            raise RefusedError(
                f"there is no such backup of {claim.host}",
                where=f"{backup.identifier} in {self._api.region}",
                remedy="Choose one of those listed; nothing was made.",
            )
        contradiction = BackupNote.contradiction(backup.note, backup.host, backup.source, by="its tags")
        if contradiction is not None:
            raise RefusedError(
                contradiction, where=backup.identifier, remedy="Nothing was made; see `drillbook backup verify`."
            )
        fault = self._images.fault(backup.identifier)
        if fault is not None:
            raise InfrastructureError(
                f"it can't be restored, it is not whole: {fault}",
                where=f"{backup.identifier} of {backup.host}",
                remedy="See `drillbook backup verify`; nothing was made.",
            )
        return image

    def _instance(self, machine: Machine) -> str:
        return self._running.get(machine.identifier) or self._instances.named(machine.identifier)
