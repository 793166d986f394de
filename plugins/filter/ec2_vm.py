"""What an instance on EC2 lacks: what the region tells of it, compared with what the inventory declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def ec2_vm_changes(
    instance: Mapping[str, Any], volumes: list[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """What to call for: `instance` and `type` (whether they differ), `grown` and `new` volumes; `shrunk` says what is refused.

    `before` and `after` hold the same for a person to read. An empty instance is one that is not there.
    """
    present = _present(instance)
    declared = {
        "type": wanted["type"],
        "security_groups": sorted(wanted["security_groups"]),
        "tags": {str(key): str(value) for key, value in sorted(wanted["tags"].items())},
    }
    after = {key: value for key, value in declared.items() if present.get(key) != value}
    before = {key: present[key] for key in after if key in present}
    found: dict[str, Any] = {"instance": bool(after), "type": "type" in after, "grown": [], "new": [], "shrunk": []}
    for device, size in _sizes(instance, wanted).items():
        volume = next((one for one in volumes if _attached(one, instance) == device), None)
        if volume is None:
            found["new"].append({"device": device, "size_gib": size})
        elif size < int(volume["size"]):
            found["shrunk"].append(f"{device} has {volume['size']} GiB and is declared with {size} GiB")
            continue
        elif size > int(volume["size"]):
            found["grown"].append(
                {"device": device, "size_gib": size, "volume_id": volume["id"], "volume_type": volume["type"]}
            )
            before[device] = f"{volume['size']} GiB"
        else:
            continue
        after[device] = f"{size} GiB"
    return {**found, "before": before, "after": after}


def ec2_vm_block_device(volume: Mapping[str, Any], ebs: Mapping[str, Any]) -> dict[str, Any]:
    """A declared volume as a launch takes it."""
    return {"device_name": volume["device"], "ebs": {**ebs, "volume_size": int(volume["size_gib"])}}


def _present(instance: Mapping[str, Any]) -> dict[str, Any]:
    if not instance:
        return {}
    return {
        "type": instance["instance_type"],
        "security_groups": sorted(group["group_name"] for group in instance.get("security_groups", [])),
        "tags": dict(sorted(instance.get("tags", {}).items())),
    }


def _sizes(instance: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, int]:
    """Declared sizes in GiB by device; the root's device is known once the instance is there."""
    root = instance.get("root_device_name", "root")
    return {
        root: int(wanted["root_size_gib"]),
        **{volume["device"]: int(volume["size_gib"]) for volume in wanted["volumes"]},
    }


def _attached(volume: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    found = (one for one in volume["attachment_set"] if one["instance_id"] == instance["instance_id"])
    return next((str(one["device"]) for one in found), "")


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"ec2_vm_changes": ec2_vm_changes, "ec2_vm_block_device": ec2_vm_block_device}
