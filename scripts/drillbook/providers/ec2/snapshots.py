"""Snapshots of EC2 instances: those of all volumes of one instance are of one moment (CreateSnapshots)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from drillbook.clock import Clock
from drillbook.errors import InfrastructureError, UnknownOutcomeError
from drillbook.model import Machine, Quiesce, Snapshot
from drillbook.providers.ec2.answers import Part
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.machines import Ec2Machines
from drillbook.providers.ec2.tags import NOTE_TAG, as_tags, tags_of
from drillbook.providers.ec2.volumes import Volumes
from drillbook.providers.waiting import wait_until

SET_TAG = "drillbook:set"
MACHINE_TAG = "drillbook:machine"
DEVICE_TAG = "drillbook:device:"
"""With a device's name behind it: the volume that was attached there. All snapshots of a set carry the tags of all its devices."""
SNAPSHOTS_APPEAR = timedelta(seconds=15)
"""How long snapshots may take to appear after the call that asked for them was cut off; the service may be at rest meanwhile."""
_FAILED = ("error", "recoverable")
_POLL = timedelta(seconds=5)


class Ec2Snapshots(Ec2Machines):
    """Implements `Snapshots` and `LateSnapshots`. What EC2 has not: memory, and a guest agent."""

    def __init__(self, api: Ec2Api, clock: Clock, poll: timedelta = _POLL) -> None:
        super().__init__(api)
        self._clock = clock
        self._volumes = Volumes(api, clock, poll)
        self._poll = poll

    def refusal(self, machine: Machine, *, ram: bool, quiesce: Quiesce) -> str | None:
        """One call: whether the instance has volumes, or only disks that die with it."""
        if ram:
            return "EC2 keeps no memory in a snapshot"
        if quiesce is Quiesce.AGENT:
            return "EC2 has no guest agent that freezes file systems"
        if not self._volumes.attached(machine):
            return "it has no EBS volume: instance store can't be snapshotted"
        return None

    def take(self, machine: Machine, name: str, *, ram: bool, note: str, timeout: timedelta) -> None:  # noqa: ARG002 - refused
        """CreateSnapshots for the instance: what is on its volumes when that is answered is in them, though they are pending still.

        It knows no client token, so it is never asked twice: where its answer is lost, its snapshots are looked for.
        """
        devices = {f"{DEVICE_TAG}{entry.device}": entry.identifier for entry in self._volumes.attached(machine)}
        tags = {SET_TAG: name, MACHINE_TAG: machine.identifier, NOTE_TAG: note, **devices}
        try:
            self._api.once(
                lambda client: client.create_snapshots(
                    InstanceSpecification={"InstanceId": machine.identifier},
                    Description=f"{name} of {machine.host}",
                    TagSpecifications=[{"ResourceType": "snapshot", "Tags": as_tags(tags)}],
                ),
                f"create_snapshots {machine.host}",
            )
        except UnknownOutcomeError as error:
            wait_until(
                self._clock,
                lambda: bool(self._listed(machine, name)),
                deadline=self._clock.monotonic() + SNAPSHOTS_APPEAR,
                every=self._poll,
                late=error,
            )

    def complete(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Until each volume's snapshot is complete; a first one of a large volume takes hours."""

        def done() -> bool:
            entries = self._listed(machine, name)
            failed = [str(entry["SnapshotId"]) for entry in entries if entry["State"] in _FAILED]
            if failed:
                raise InfrastructureError(
                    f"snapshot {', '.join(failed)} ended in error", where=machine.host, remedy="Take the set again."
                )
            return _complete(entries)

        self._until(done, f"snapshot {name} was not complete", machine, self._clock.monotonic() + timeout)

    def snapshots(self, machine: Machine) -> tuple[Snapshot, ...]:
        """Its sets of which every volume's snapshot is there and complete; what others took is not listed."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for entry in self._listed(machine):
            found.setdefault(tags_of(entry).get(SET_TAG, ""), []).append(entry)
        return tuple(
            Snapshot(
                host=machine.host,
                name=name,
                taken_at=max(entry["StartTime"] for entry in entries),
                ram=False,
                note=tags_of(entries[0]).get(NOTE_TAG, ""),
            )
            for name, entries in found.items()
            if _complete(entries)
        )

    def remove(self, machine: Machine, name: str, timeout: timedelta) -> None:  # noqa: ARG002 - done at once
        """DeleteSnapshot for each of its volumes."""
        for entry in self._listed(machine, name):
            self._delete(str(entry["SnapshotId"]))

    def go_back(self, machine: Machine, name: str, timeout: timedelta) -> None:
        """Make volumes of the snapshots, stop it, put them in the place of its own, and delete those.

        What can't be made leaves it running as it is.
        """
        deadline = self._clock.monotonic() + timeout
        snapshots = {_devices(entry)[entry["VolumeId"]]: entry["SnapshotId"] for entry in self._listed(machine, name)}
        if not snapshots:
            raise InfrastructureError(
                f"it has no snapshot {name}", where=machine.host, remedy="List what there is: drillbook snapshot list."
            )
        prepared = self._volumes.prepare(machine, snapshots, deadline)
        self._power(machine, "stop_instances", "stopped", deadline)
        self._volumes.replace(machine, prepared, deadline)

    def start(self, machine: Machine, timeout: timedelta) -> None:
        """StartInstances, which does nothing for one that runs."""
        self._power(machine, "start_instances", "running", self._clock.monotonic() + timeout)

    def _delete(self, snapshot: str) -> None:
        self._api.call(lambda client: client.delete_snapshot(SnapshotId=snapshot), f"delete_snapshot {snapshot}")

    def _listed(self, machine: Machine, name: str | None = None) -> list[Mapping[str, Any]]:
        filters = [{"Name": f"tag:{MACHINE_TAG}", "Values": [machine.identifier]}]
        if name is not None:
            filters.append({"Name": f"tag:{SET_TAG}", "Values": [name]})
        return self._api.pages("describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=filters)

    def _power(self, machine: Machine, operation: str, wanted: str, deadline: timedelta) -> None:
        self._api.call(
            lambda client: getattr(client, operation)(InstanceIds=[machine.identifier]), f"{operation} {machine.host}"
        )

        def there() -> bool:
            reservation = self._api.pages("describe_instances", "Reservations", InstanceIds=[machine.identifier])[0]
            return bool(reservation["Instances"][0]["State"]["Name"] == wanted)

        self._until(there, f"it was not {wanted}", machine, deadline)

    def _until(self, done: Callable[[], bool], what: str, machine: Machine, deadline: timedelta) -> None:
        late = InfrastructureError(
            f"{what} in time", where=machine.host, remedy="It goes on without us: look at it in the console."
        )
        wait_until(self._clock, done, deadline=deadline, every=self._poll, late=late)


def _complete(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether each volume that was attached has a snapshot among them, and all are complete."""
    whole = bool(entries) and len(entries) == len(_devices(entries[0]))
    return whole and all(entry["State"] == "completed" for entry in entries)


def _devices(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """Volume to device, as they were when the snapshot was taken."""
    devices = {
        volume: key.removeprefix(DEVICE_TAG) for key, volume in tags_of(entry).items() if key.startswith(DEVICE_TAG)
    }
    return Part(devices, f"devices among the tags of {entry['SnapshotId']}")
