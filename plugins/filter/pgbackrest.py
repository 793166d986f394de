"""Times as pgBackRest reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from ansible.errors import AnsibleFilterError


def pgbackrest_time(text: str) -> str:
    """RFC 3339 in pgBackRest's form, whole seconds rounded down: what came later must not be seen. "" stays ""."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise AnsibleFilterError(f"'{text}' is no time; write it like 2025-11-21T10:15:00Z") from error
    if moment.tzinfo is None:
        raise AnsibleFilterError(f"'{text}' has no offset; write it like 2025-11-21T10:15:00Z")
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00")


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Name the filters."""
        return {"pgbackrest_time": pgbackrest_time}
