"""What a service promises."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Objectives:
    """Written beside the service; ``rto`` holds for a sandbox, ``rto_in_place`` for the bad day."""

    rto: timedelta
    rto_in_place: timedelta
    rpo: timedelta
