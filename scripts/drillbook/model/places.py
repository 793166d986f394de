"""Where data, evidence and what must not burn with the site are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Repository:
    """A place in the object store that recovery points lie in; ``path`` begins with a slash.

    Each moment of the last ``retention_days`` can be restored; a full backup is made every ``full_interval_days``.
    """

    bucket: str
    path: str
    retention_days: int = 30
    full_interval_days: int = 7

    @property
    def lock_days(self) -> int:
        """How long an object must be locked: the retention, one interval between full backups, and one day more."""
        return self.retention_days + self.full_interval_days + 1

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with: "" or a path that ends in a slash."""
        path = self.path.strip("/")
        return f"{path}/" if path else ""


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The S3 store of repositories, heartbeats and the evidence anchor; keys lie in files, one per user.

    Evidence must be locked for ``evidence_days`` at least.
    """

    endpoint: str
    region: str
    ca_file: Path | None
    repositories: Mapping[str, Repository]
    evidence_bucket: str
    heartbeat_bucket: str
    credentials_directory: Path
    evidence_days: int = 400


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """Where the evidence log and its signing key are, and whether an object-locked bucket anchors it."""

    directory: Path
    signing_key_file: Path
    anchored: bool
    anchor_prefix: str


@dataclass(frozen=True, slots=True)
class EscrowItem:
    """Something without which nothing can be restored, and its copy outside the failure domain.

    ``source`` is what is in use, ``copy`` a file or ``command`` a program that prints the copy;
    ``host`` names where the copy is kept. ``archive`` is a program that prints a directory's copy as a tar archive.
    """

    name: str
    host: str
    source: Path | None = None
    copy: Path | None = None
    command: tuple[str, ...] = ()
    sha256: str | None = None
    archive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InUse:
    """A file or directory of the controller without which a new one could not go on, and what it is."""

    name: str
    path: Path
