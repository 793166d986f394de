"""How Proxmox VE says no."""

from __future__ import annotations

PARAMETERS_REFUSED = "Parameter verification failed."


class PveError(Exception):
    """A refusal; inside a task its message becomes the exit status, outside it answers the call."""

    def __init__(
        self, message: str, status: int = 500, errors: dict[str, str] | None = None, *, bare: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.errors = errors
        # The HTTP layer answers some calls before the API does; those answers have a reason and no body.
        self.bare = bare
        # Perl's die() ends its messages with a line feed, which stays in the body; the router's own answers have none.
        self.line_feed = status != 501


class HangUpError(Exception):
    """The connection is cut instead of answered."""


class InterruptedTaskError(Exception):
    """A task was stopped from outside."""


def refuse_parameters(**errors: str) -> PveError:
    """Build the 400 that names each refused parameter; an underscore in a keyword stands for a dash."""
    return PveError(PARAMETERS_REFUSED, 400, {name.replace("_", "-"): text for name, text in errors.items()})


def forbid(what: str = "") -> PveError:
    """Build the 403 of a missing permission."""
    return PveError(f"Permission check failed ({what})" if what else "Permission check failed", 403)
