"""Who calls."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, or one of the user's tokens."""

    user: str
    token: str = ""

    @property
    def full(self) -> str:
        """The name that grants and tasks are written under."""
        return f"{self.user}!{self.token}" if self.token else self.user

    @property
    def is_root(self) -> bool:
        """Whether this is root itself; a token of root is not, whatever its privileges."""
        return self.full == "root@pam"


ROOT = Identity("root@pam")


def parse_identity(text: str) -> Identity:
    """Take `user@realm` or `user@realm!token` apart."""
    user, _, token = text.partition("!")
    return Identity(user, token)
