"""Tags as EC2 takes and tells them."""

from collections.abc import Mapping
from typing import Any

from drillbook.providers.ec2.answers import Part

NOTE_TAG = "drillbook:note"


def tags_of(entry: Mapping[str, Any]) -> Mapping[str, str]:
    """An entry's tags; network interfaces have them under a name of their own. Raises MalformedDataError for one that is read and not there."""
    tags = {tag["Key"]: tag["Value"] for tag in entry.get("Tags") or entry.get("TagSet", ())}
    return Part(tags, f"tags, {entry.where}" if isinstance(entry, Part) else "tags")


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
