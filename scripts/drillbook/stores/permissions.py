"""What can be tried with a store user's credentials; a vendor's module implements it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lock:
    """The default lock of a bucket: COMPLIANCE or GOVERNANCE, for so many days."""

    mode: str
    days: int


class Permissions(Protocol):
    """One user of the store. Each attempt returns whether it was allowed, and undoes what wrongly succeeded.

    Attempts take a random absent key. Only reading is tried on one that is there, where there is one. All raise InfrastructureError when the store
    can't be reached, NotAcceptedError when it does not know the credentials: a dead store never looks like a safe one.
    """

    @property
    def user(self) -> str:
        """The user's name, as it stands in the credentials directory."""
        ...

    def clock_difference(self) -> timedelta:
        """How far this machine's clock is ahead of the store's; whole seconds."""
        ...

    def can_list(self, bucket: str, prefix: str) -> bool:
        """List keys."""
        ...

    def any_key(self, bucket: str, prefix: str = "") -> str | None:
        """Return a key below ``prefix`` that is there; None where there is none, or where this user may not list."""
        ...

    def can_get(self, bucket: str, key: str) -> bool:
        """Read."""
        ...

    def can_put(self, bucket: str, key: str) -> bool:
        """Write."""
        ...

    def can_add(self, bucket: str, key: str, content: bytes) -> bool:
        """Put an object where none is: what is there with this content already is proof enough, and stays."""
        ...

    def lock(self, bucket: str) -> Lock | None:
        """Return the bucket's default lock; None where it has none."""
        ...

    def is_versioned(self, bucket: str) -> bool:
        """Tell whether each version of an object is kept."""
        ...

    def can_start_multipart(self, bucket: str, key: str) -> bool:
        """Begin a multipart upload."""
        ...

    def can_delete(self, bucket: str, key: str) -> bool:
        """Delete (in a versioned bucket: add a delete marker)."""
        ...

    def can_delete_version(self, bucket: str, key: str) -> bool:
        """Delete a version, bypassing governance."""
        ...

    def can_change_lock(self, bucket: str) -> bool:
        """Replace the bucket's default lock."""
        ...

    def can_change_policy(self, bucket: str) -> bool:
        """Replace the bucket's policy."""
        ...

    def can_change_lifecycle(self, bucket: str) -> bool:
        """Replace the bucket's lifecycle rules."""
        ...

    def can_change_versioning(self, bucket: str) -> bool:
        """Suspend versioning."""
        ...

    def can_create_bucket(self, bucket: str) -> bool:
        """Create a bucket."""
        ...
