"""The anchor: a second place, that the writer can add to and can't change, for a copy of every entry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drillbook.errors import EvidenceError
from drillbook.evidence.files import create_exclusively, ensure_directory, read_bytes


class AnchorUnavailableError(EvidenceError):
    """The anchor did not take the entry, or can't say whether it did; a later try may succeed."""


class AnchorConflictError(EvidenceError):
    """The anchor holds something else under the same name; no later try can succeed."""


@dataclass(frozen=True, slots=True)
class AnchoredObject:
    """One object in the anchor. ``anomaly`` says in words what was done to it since it was first put."""

    name: str
    version: str = ""
    anomaly: str | None = None


class Anchor(Protocol):
    """Holds copies of entries and signatures under their file names."""

    @property
    def label(self) -> str:
        """Where this is, for messages and for knowing whether it is the same anchor as before."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Add; the very same content again is fine. Raises AnchorConflictError or AnchorUnavailableError."""
        ...

    def list(self) -> tuple[AnchoredObject, ...]:
        """Everything ever put, also what was deleted or overwritten since, as far as the anchor knows."""
        ...

    def get(self, item: AnchoredObject) -> bytes:
        """The content as it was first put."""
        ...


class DirectoryAnchor:
    """Another disk or a NAS share. It shows accidents and a lazy forger; only an object lock stops its owner."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def label(self) -> str:
        """The directory's address."""
        return self._directory.absolute().as_uri()

    def put(self, name: str, content: bytes) -> None:
        """Create the file whole, or compare with the one that is there."""
        try:
            ensure_directory(self._directory, mode=0o750)
            if create_exclusively(self._directory / name, content, mode=0o440):
                return
            held = read_bytes(self._directory / name)
        except EvidenceError as error:
            raise AnchorUnavailableError(error.message, where=error.where, remedy=error.remedy) from error
        if held != content:
            raise conflict(f"{self.label}/{name}")

    def list(self) -> tuple[AnchoredObject, ...]:
        """The names in the directory."""
        try:
            names = sorted(path.name for path in self._directory.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise unavailable(f"it can't be listed: {error.strerror}", self.label) from error
        return tuple(AnchoredObject(name) for name in names)

    def get(self, item: AnchoredObject) -> bytes:
        """Read one file."""
        return read_bytes(self._directory / item.name)


def conflict(where: str) -> AnchorConflictError:
    """The anchor's copy is another one."""
    return AnchorConflictError(
        "The anchor already holds another entry under this name",
        where=where,
        remedy="The local log was cut or copied, or two controllers share this prefix: run `drillbook evidence verify`,"
        " restore the log from the anchor, and give every controller a prefix of its own",
    )


def unavailable(what: str, where: str) -> AnchorUnavailableError:
    """The anchor could not be used this time."""
    return AnchorUnavailableError(
        f"The anchor could not be used: {what}",
        where=where,
        remedy="The entry is safe on this disk; repair the anchor and run `drillbook evidence anchor`",
    )
