"""What providers tell cloud-init of a new sandbox host, and what it answers."""

from pathlib import Path

from drillbook.errors import ConfigurationError, MalformedDataError
from drillbook.untrusted import read_object

RESULT = "/run/cloud-init/result.json"
"""What cloud-init leaves at the end of its work of this boot, with its errors."""
STATUS = "/run/cloud-init/status.json"
"""What cloud-init says of each of its stages of this boot while it works."""


def read_public_key(path: Path, place: str) -> str:
    """The one public key of a file; raises ConfigurationError where it can't be read, or is something else: a private key never leaves."""
    where = f"drillbook_providers, {place}, drill.sandboxes.public_key_file"
    try:
        found = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the public key can't be read: {error}",
            where=where,
            remedy="Name the file with the public key by which the controller logs in; nothing was made.",
        ) from error
    if len(found.splitlines()) != 1 or "PRIVATE" in found:
        raise ConfigurationError(
            "the file does not hold one public key, in one line",
            where=where,
            remedy="Correct it there; nothing was made.",
        )
    return found


def errors_in(result: str) -> list[str]:
    """The errors in cloud-init's result; a text that is none is an error itself."""
    try:
        found = read_object(result, where=RESULT).get("v1")
    except MalformedDataError:
        found = None
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        return [f"{RESULT} is not what cloud-init writes"]
    return [str(one) for one in errors]


def init_stage_of(status: str) -> list[str] | None:
    """The errors of the stage that gives a host its name, users and ssh keys; None where that has not ended.

    Packages are updated two stages later, which takes minutes (cloudinit.readthedocs.io/en/latest/explanation/boot.html).
    """
    try:
        found = read_object(status, where=STATUS).get("v1")
    except MalformedDataError:
        return None  # it is being written
    stage = found.get("init") if isinstance(found, dict) else None
    errors = stage.get("errors") if isinstance(stage, dict) and stage.get("finished") else None
    return [str(one) for one in errors] if isinstance(errors, list) else None
