"""What a drill's keys must not be able to do, tried on production itself as dry runs: those have no effect.

EC2 judges the right before it looks at anything else of a dry run, and says ``DryRunOperation`` where the call would have been
made. Systems Manager knows no dry runs: it is asked to run nothing, which it refuses as incomplete where the right is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from drillbook.errors import DrillbookError, InfrastructureError, UntriedError
from drillbook.model import Backup, Claim
from drillbook.providers.ec2.api import UNAUTHORIZED, Ec2Api, code_of, in_lots
from drillbook.providers.ec2.drill.claim_names import RUN_TAG, tags_for
from drillbook.providers.ec2.drill.systems_manager import DOCUMENT
from drillbook.providers.ec2.images import snapshots_of
from drillbook.providers.ec2.place import Ec2DrillRange
from drillbook.providers.ec2.tags import as_tags, tags_of

_ALLOWED = frozenset({"DryRunOperation", "InvalidParameters"})
_GONE = ("terminated", "shutting-down")
_OTHERS = 3
"""So many instances are tried on where none of the service's own is seen: one right covers them all, as a rule."""
_PROBE = Claim("", "", "drillbook-preflight", "drillbook-preflight")


@dataclass(frozen=True, slots=True)
class _Try:
    """``operation`` with ``parameters`` on ``subject``; ``what`` completes "it may ..."."""

    what: str
    subject: str
    operation: str
    parameters: Mapping[str, Any]


def find_overreach(
    api: Ec2Api, agents: Ec2Api, drill: Ec2DrillRange, hosts: Sequence[str], backups: Sequence[Backup]
) -> str | None:
    """Say the first thing that the keys could do to these machines; None where there is none.

    Raises UntriedError where neither an instance nor an image of them is seen, and InfrastructureError where an answer says
    neither that it may nor that it may not.
    """
    _refuse_without_dry_runs(api)
    newest = {backup.host: backup.identifier for backup in backups}
    images = [
        image
        for values in in_lots(sorted(newest.values()))
        for image in api.pages("describe_images", "Images", ImageIds=values)
    ]
    instances = tuple(_instances(api, hosts))
    if not instances and not images:
        raise UntriedError(
            "the drill's keys see neither an instance nor a backup of the group, so nothing was there to try them on",
            where=f"{', '.join(hosts)} in {api.region}",
            remedy="Give the drill keys of the account and region that the instances and their backups are in.",
        )
    return (
        _on_instances(api, agents, instances, drill, _order(drill, next(iter(newest.values()), "")))
        or _first_allowed(api, (found for image in images for found in _on_image(image)))
        or _first_allowed(api, _on_fence(drill))
    )


def find_sandbox_overreach(
    api: Ec2Api, agents: Ec2Api, drill: Ec2DrillRange, image: str, hosts: Sequence[str]
) -> str | None:
    """As `find_overreach`, where what is drilled is no machine of EC2's: ``image`` is the one that sandbox hosts are run from.

    Where the keys see none of ``hosts``, they are tried on instances that are no drill's; where they see no instance at all, on the fence alone.
    """
    _refuse_without_dry_runs(api)
    instances = tuple(_instances(api, hosts)) or tuple(_others(api, drill))[:_OTHERS]
    return _on_instances(api, agents, instances, drill, _order(drill, image)) or _first_allowed(api, _on_fence(drill))


def _on_instances(
    api: Ec2Api,
    agents: Ec2Api,
    instances: Sequence[Mapping[str, Any]],
    drill: Ec2DrillRange,
    order: Mapping[str, Any],
) -> str | None:
    for instance in instances:
        found = _first_allowed(api, _on_instance(instance, drill, order))
        if found is not None:
            return found
        command = _Try("run programs inside it", str(instance["InstanceId"]), "send_command", {})
        if _allowed(command, partial(_empty_command, agents, command.subject)):
            return f"it may {command.what} ({command.subject})"
    return None


def _first_allowed(api: Ec2Api, tries: Iterable[_Try]) -> str | None:
    allowed = (one for one in tries if _allowed(one, partial(_dry_run, api, one)))
    return next((f"it may {one.what} ({one.subject})" for one in allowed), None)


def _order(drill: Ec2DrillRange, image: str) -> Mapping[str, Any]:
    """What RunInstances is asked for: a backup's image as drills of machines run it, else a sandbox host's; {} where there is neither."""
    sandboxes = drill.sandboxes
    if sandboxes is not None and image in ("", sandboxes.image):
        return {"ImageId": sandboxes.image, "InstanceType": sandboxes.instance_type or drill.instance_type}
    profile = {"IamInstanceProfile": {"Name": drill.instance_profile}}
    return {"ImageId": image, "InstanceType": drill.instance_type, **profile} if image else {}


def _refuse_without_dry_runs(api: Ec2Api) -> None:
    """Where they are not known the tries would be done; so first one that could do no harm."""
    try:
        api.call(lambda client: client.describe_instances(DryRun=True), "dry run of describe_instances")
    except DrillbookError as error:
        if code_of(error) in _ALLOWED:
            return
        raise
    raise InfrastructureError(
        "this cloud answers a dry run as if it were none, so the limits of the drill's keys can't be tried",
        where=f"region {api.region}",
        remedy="Drill on a cloud that knows DryRun.",
    )


def _instances(api: Ec2Api, hosts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for values in in_lots(hosts):
        filters = [{"Name": "tag:Name", "Values": values}]
        for reservation in api.pages("describe_instances", "Reservations", Filters=filters):
            yield from (one for one in reservation["Instances"] if one["State"]["Name"] not in _GONE)


def _others(api: Ec2Api, drill: Ec2DrillRange) -> Iterator[Mapping[str, Any]]:
    """Instances that no drill has made, and that are not in its subnet."""
    for reservation in api.pages("describe_instances", "Reservations"):
        for one in reservation["Instances"]:
            is_a_drill_s = RUN_TAG in tags_of(one) or one.get("SubnetId") == drill.subnet
            if not is_a_drill_s and one["State"]["Name"] not in _GONE:
                yield one


def _on_instance(instance: Mapping[str, Any], drill: Ec2DrillRange, order: Mapping[str, Any]) -> Iterator[_Try]:
    name = str(instance["InstanceId"])
    yield _Try("terminate it", name, "terminate_instances", {"InstanceIds": [name]})
    yield _Try("stop it", name, "stop_instances", {"InstanceIds": [name]})
    yield _Try("reboot it", name, "reboot_instances", {"InstanceIds": [name]})
    change = {"InstanceId": name, "DisableApiTermination": {"Value": False}}
    yield _Try("change it", name, "modify_instance_attribute", change)
    yield _Try("make images of it", name, "create_image", {"InstanceId": name, "Name": "drillbook-preflight"})
    tags = as_tags({RUN_TAG: _PROBE.run_id})
    yield _Try("tag it as a drill's", name, "create_tags", {"Resources": [name], "Tags": tags})
    for device in instance.get("BlockDeviceMappings", ()):
        volume = str(device["Ebs"]["VolumeId"])
        yield _Try("take snapshots of its volume", volume, "create_snapshot", {"VolumeId": volume})
        yield _Try("detach its volume", volume, "detach_volume", {"VolumeId": volume, "InstanceId": name})
        yield _Try("delete its volume", volume, "delete_volume", {"VolumeId": volume})
    for card in instance["NetworkInterfaces"]:
        identifier = str(card["NetworkInterfaceId"])
        moved = {"NetworkInterfaceId": identifier, "Groups": [drill.security_group]}
        yield _Try("change its network interface", identifier, "modify_network_interface_attribute", moved)
        groups = [str(group["GroupId"]) for group in card["Groups"]]
        yield from _into(str(card["SubnetId"]), groups, order)


def _into(subnet: str, groups: list[str], order: Mapping[str, Any]) -> Iterator[_Try]:
    """As a drill makes its own, but where production is: only subnet and groups differ."""
    place = {"SubnetId": subnet, "Groups": groups}
    tags = tags_for(_PROBE)
    card = {**place, "TagSpecifications": [{"ResourceType": "network-interface", "Tags": tags}]}
    yield _Try("make network interfaces where it is", subnet, "create_network_interface", card)
    if order:
        run = {
            **order,
            "MinCount": 1,
            "MaxCount": 1,
            "MetadataOptions": {"HttpTokens": "required"},
            "NetworkInterfaces": [{"DeviceIndex": 0, **place}],
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
        }
        yield _Try("run instances where it is", subnet, "run_instances", run)


def _on_image(image: Mapping[str, Any]) -> Iterator[_Try]:
    name = str(image["ImageId"])
    yield _Try("deregister its backup", name, "deregister_image", {"ImageId": name})
    for snapshot in snapshots_of(image).values():
        yield _Try("delete a snapshot of its backup", snapshot, "delete_snapshot", {"SnapshotId": snapshot})


def _on_fence(drill: Ec2DrillRange) -> Iterator[_Try]:
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = {"GroupId": drill.security_group, "IpPermissions": [everything]}
    yield _Try("open the drill's own group", drill.security_group, "authorize_security_group_egress", group)


def _dry_run(api: Ec2Api, one: _Try) -> None:
    api.call(
        lambda client: getattr(client, one.operation)(**one.parameters, DryRun=True), f"dry run of {one.operation}"
    )


def _empty_command(agents: Ec2Api, instance: str) -> None:
    agents.call(
        lambda client: client.send_command(InstanceIds=[instance], DocumentName=DOCUMENT), f"send_command {instance}"
    )


def _allowed(one: _Try, attempt: Callable[[], None]) -> bool:
    """Whether the right is there; raises where the answer proves nothing."""
    try:
        attempt()
    except DrillbookError as error:
        code = code_of(error)
        if code in UNAUTHORIZED:
            return False
        if code not in _ALLOWED:
            raise InfrastructureError(
                f"whether the drill's keys may {one.what} can't be told: {error.message}",
                where=f"{one.operation}, {one.subject}",
                remedy="Mend that, and run it again: nothing is drilled before it is proven.",
            ) from error
    return True
