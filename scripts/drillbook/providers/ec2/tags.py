"""Tags as EC2 takes and tells them."""

from collections.abc import Mapping
from typing import Any

NOTE_TAG = "drillbook:note"


def tags_of(entry: Mapping[str, Any]) -> dict[str, str]:
    """An entry's tags; network interfaces have them under a name of their own."""
    return {tag["Key"]: tag["Value"] for tag in entry.get("Tags") or entry.get("TagSet", ())}


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as EC2 takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
