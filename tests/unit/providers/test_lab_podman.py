"""A container that the kernel doesn't freeze at once is asked again, and one that can't be paused says so."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drillbook.errors import InfrastructureError
from drillbook.process import Completed
from drillbook.providers.lab.place import LabPlace
from drillbook.providers.lab.podman import PAUSES, Podman

if TYPE_CHECKING:
    from collections.abc import Sequence

BUSY = 'level=error msg="unable to freeze"\nError: `runc pause 1` failed: exit status 1\n'
GONE = "Error: no container with name or ID"


class Scripted(Podman):
    """Answers with these errors, one after the other; "" is success."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(LabPlace(name="lab", kind="lab", prefix="t", containers_conf=Path("/none")))
        self.left = list(errors)
        self.asked: list[tuple[str, ...]] = []

    def attempt(self, *arguments: str, timeout: timedelta = timedelta(), stdin: Any = None) -> Completed:
        del timeout, stdin
        self.asked.append(arguments)
        error = self.left.pop(0)
        return Completed(1 if error else 0, "", error)


@pytest.mark.parametrize("errors", [[""], [BUSY, ""], [BUSY] * (PAUSES - 1) + [""]])
def test_it_is_asked_again_until_it_is_frozen(errors: list[str]) -> None:
    podman = Scripted(errors)
    podman.pause("t-db", where="db")
    assert podman.asked == [("pause", "t-db")] * len(errors)


@pytest.mark.parametrize("errors", [[BUSY] * PAUSES, [GONE] * 2])
def test_what_can_not_be_paused_says_so(errors: list[str]) -> None:
    podman = Scripted(errors)
    with pytest.raises(InfrastructureError, match="podman pause failed"):
        podman.pause("t-db", where="db")
    assert podman.left == []
