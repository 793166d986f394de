"""Everything that a claim's run made of it, found by tags, and removed: the instance, its network interfaces and volumes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, InfrastructureError, RefusedError
from drillbook.model import Claim
from drillbook.providers.ec2.api import Ec2Api, code_of
from drillbook.providers.ec2.drill.claim_names import RUN_TAG, filters_for
from drillbook.providers.ec2.place import Ec2DrillRange
from drillbook.providers.ec2.tags import tags_of

SETTLED = timedelta(seconds=20)
"""How long after a look began something may still appear that was asked for before: EC2 tells of new things late."""
_GONE = frozenset({"InvalidNetworkInterfaceID.NotFound", "InvalidVolume.NotFound", "InvalidInstanceID.NotFound"})
_BUSY = frozenset({"InvalidNetworkInterface.InUse", "InvalidParameterValue", "VolumeInUse"})
_ENDED = "terminated"
_ENDING = "shutting-down"


@dataclass(frozen=True, slots=True)
class _Found:
    """What has the claim's name. A terminated instance is told of for a while, and a card may still be shown as attached to it."""

    instances: tuple[Mapping[str, Any], ...]
    ended: tuple[Mapping[str, Any], ...]
    interfaces: tuple[Mapping[str, Any], ...]
    volumes: tuple[Mapping[str, Any], ...]

    def names(self) -> str:
        parts = [str(one["InstanceId"]) for one in self.instances]
        parts += [str(one["NetworkInterfaceId"]) for one in self.interfaces]
        return ", ".join([*parts, *(str(one["VolumeId"]) for one in self.volumes)])


class Removal:
    """Removes what one claim names, and only that."""

    def __init__(self, api: Ec2Api, drill: Ec2DrillRange, clock: Clock, poll: timedelta) -> None:
        self._api = api
        self._drill = drill
        self._clock = clock
        self._poll = poll

    def remove(self, claim: Claim, timeout: timedelta) -> None:
        """Remove it all, and return when it is gone and nothing more can appear; it can be asked for again at any point.

        Raises RefusedError before anything is touched where something has the name and is not the run's.
        """
        began = self._clock.monotonic()
        while True:
            looked = self._clock.monotonic()
            found = self._find(claim.identifier)
            self._refuse_foreign(claim, found)
            self._remove(found)
            if not found.names() and looked - began >= SETTLED:
                return
            if looked - began >= max(timeout, SETTLED):
                raise InfrastructureError(
                    f"{found.names()} is still there",
                    where=f"{claim.provider}, {claim.identifier}",
                    remedy="Look at it in the console, and run `drillbook drill clean`.",
                )
            self._clock.sleep(self._poll)

    def _find(self, identifier: str) -> _Found:
        filters = filters_for(identifier)
        reservations = self._api.pages("describe_instances", "Reservations", Filters=filters)
        instances = [one for reservation in reservations for one in reservation["Instances"]]
        return _Found(
            tuple(one for one in instances if one["State"]["Name"] != _ENDED),
            tuple(one for one in instances if one["State"]["Name"] == _ENDED),
            tuple(self._api.pages("describe_network_interfaces", "NetworkInterfaces", Filters=filters)),
            tuple(self._api.pages("describe_volumes", "Volumes", Filters=filters)),
        )

    def _refuse_foreign(self, claim: Claim, found: _Found) -> None:
        why = next(self._foreign(claim, found), None)
        if why is not None:
            raise RefusedError(
                f"{claim.identifier} is not this drill's, {why}: left alone",
                where=f"{claim.provider}, run {claim.run_id}",
                remedy="Keep others' machines out of the drill's subnet, and its names for drills.",
            )

    def _foreign(self, claim: Claim, found: _Found) -> Iterator[str]:
        own = {str(one["InstanceId"]) for one in (*found.instances, *found.ended)}
        for key, entries in (
            ("InstanceId", (*found.instances, *found.ended)),
            ("NetworkInterfaceId", found.interfaces),
            ("VolumeId", found.volumes),
        ):
            for one in entries:
                if tags_of(one).get(RUN_TAG) != claim.run_id:
                    yield f"{one[key]} does not carry the tag {RUN_TAG}={claim.run_id}"
                if key != "VolumeId" and one.get("SubnetId", self._drill.subnet) != self._drill.subnet:
                    yield f"{one[key]} is not in {self._drill.subnet}"
        for instance in found.instances:
            for card in instance.get("NetworkInterfaces", ()):
                if card["SubnetId"] != self._drill.subnet:
                    yield f"{instance['InstanceId']} has a card that is not in {self._drill.subnet}"
        for one in (*found.interfaces, *found.volumes):
            for holder in _holders(one) - own:
                yield f"{one.get('VolumeId') or one['NetworkInterfaceId']} is attached to {holder}"

    def _remove(self, found: _Found) -> None:
        running = [str(one["InstanceId"]) for one in found.instances if one["State"]["Name"] != _ENDING]
        if running:
            self._ask(lambda client: client.terminate_instances(InstanceIds=running), f"terminate_instances {running}")
        for one in found.interfaces:
            if one["Status"] == "available":
                card = str(one["NetworkInterfaceId"])
                self._ask(
                    lambda client, card=card: client.delete_network_interface(NetworkInterfaceId=card),
                    f"delete_network_interface {card}",
                )
        for one in found.volumes:
            if one["State"] == "available":
                volume = str(one["VolumeId"])
                self._ask(
                    lambda client, volume=volume: client.delete_volume(VolumeId=volume), f"delete_volume {volume}"
                )

    def _ask(self, ask: Any, what: str) -> None:
        """What is gone or still held is looked at again."""
        try:
            self._api.call(ask, what)
        except DrillbookError as error:
            if code_of(error) not in _GONE | _BUSY:
                raise


def _holders(entry: Mapping[str, Any]) -> set[str]:
    """The instances that a card or a volume is attached to."""
    attachments = [*entry.get("Attachments", ()), *filter(None, [entry.get("Attachment")])]
    return {str(one["InstanceId"]) for one in attachments if one.get("InstanceId")}
