"""One error base; one class per domain, each with the exit code the command line returns for it."""

from typing import ClassVar

from drillbook.sanitize import sanitized


class DrillbookError(Exception):
    """Something could not be done; says what, where, and what to do now.

    ``message`` names the cause in one sentence, ``where`` the file, host, object or step it was met
    in, ``remedy`` the next action of the operator. The text is shown and recorded: never a secret. It
    may quote what others wrote, so it is sanitized here.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, where: str, remedy: str) -> None:
        self.message = sanitized(message)
        self.where = sanitized(where)
        self.remedy = sanitized(remedy)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} (in {self.where}). {self.remedy}"


class ConfigurationError(DrillbookError):
    """The inventory or the command line is wrong; nothing was touched."""

    exit_code = 2


class RefusedError(DrillbookError):
    """A safety rule forbids what was asked; nothing was touched."""

    exit_code = 2


class TakenError(RefusedError):
    """Somebody else was faster with a name or a number; nothing was made."""


class InfrastructureError(DrillbookError):
    """A host, the store or a tool did not do its part; the run could not be carried out."""

    exit_code = 3


class UnreachedError(InfrastructureError):
    """What was asked for did not get there: nothing was done, so there is nothing to undo."""


class UntriedError(InfrastructureError):
    """Nothing was there that could be tried: what was to be proven is neither proven nor disproven."""


class MalformedDataError(InfrastructureError):
    """What somebody else wrote is not what it should be: of another type, out of range, too large, or no JSON at all."""


class ClockFaultError(InfrastructureError):
    """A clock is so wrong that what it says can't be compared."""


class UnknownOutcomeError(InfrastructureError):
    """There is no answer, or none that can be read: what was asked for may have been done. Look it up; never ask again."""


class NotAcceptedError(InfrastructureError):
    """The store answers, but does not take a credential, or has not what was asked for: no dead store."""


class LockedError(InfrastructureError):
    """Something else holds a machine, and nothing was done to it: the same may be asked for again."""


class EvidenceError(DrillbookError):
    """The evidence log can't be written, read or trusted."""

    exit_code = 3


class LeftoversError(DrillbookError):
    """An earlier run left something behind that was not removed."""

    exit_code = 4
