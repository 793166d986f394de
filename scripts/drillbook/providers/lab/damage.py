"""What is wrong with the image of a backup: it says two things of itself, or not all of it can be read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from drillbook.model import Backup, BackupNote
from drillbook.providers.lab.copies import read_description
from drillbook.providers.lab.podman import HOST_LABEL, Podman, said


def label_contradiction(image: Mapping[str, Any], backup: Backup) -> str | None:
    """What its note or its list says against its labels; None where they agree."""
    labels = image["Labels"] or {}
    description, host = read_description(labels), str(labels.get(HOST_LABEL, ""))
    note, source = (description.note, description.source) if description else ("", "")
    if host != backup.host:
        return f"it is listed as one of {backup.host}, and its labels say that it is of {host or 'nothing'}"
    return BackupNote.contradiction(note, host, source, by="its labels")


def unreadable(podman: Podman, reference: str, timeout: timedelta) -> str | None:
    """Read all its layers: podman compares each file with the checksum that it kept when the layer was made.

    Say what is wrong, or None. A lost file is not missed where it was empty: nothing of it is read.
    """
    done = podman.attempt(
        "image", "save", "--quiet", "--format", "docker-archive", "--output", "/dev/null", reference, timeout=timeout
    )  # fmt: skip
    return None if done.returncode == 0 else f"a layer can't be read: {said(done)}"
