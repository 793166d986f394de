"""Works with what is in escrow: its copies stand where the things in use stood, for this process and what it starts."""

import hashlib
import os
import pwd
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drillbook import process
from drillbook.errors import ConfigurationError, InfrastructureError
from drillbook.escrow.comparison import SHOWN, below_one_of, printed
from drillbook.escrow.mounts import empty_directory_over, leave_the_mounts_of_others
from drillbook.model import Check, CheckStatus, EscrowItem, InUse, Stage

_UNPACKING = timedelta(minutes=1)
_OF_THE_USER = (".ssh", ".ansible/cp")
"""Below the home directory: keys and settings of ssh, and its connections that are still open."""


@dataclass(frozen=True, slots=True)
class _Copy:
    item: EscrowItem
    source: Path
    """Where it is to stand."""

    def unpack(self, archive: bytes) -> Check:
        """Put it over what is in use, and return what it was."""
        self.source.mkdir(parents=True, exist_ok=True)
        empty_directory_over(self.source)
        command = ["tar", "--extract", "--no-same-owner", "--directory", str(self.source)]
        done = process.run_to_bytes(command, timeout=_UNPACKING, stdin=archive)
        if done.returncode != 0:
            raise InfrastructureError(
                f"what {self.item.host} keeps is no whole tar archive: {done.stderr.strip()[-300:]}",
                where=self.item.name,
                remedy="See what the program in `archive` prints.",
            )
        return Check(
            name=f"{self.item.name} out of escrow",
            stage=Stage.GATE,
            status=CheckStatus.PASSED,
            expected=f"{self.source} as {self.item.host} keeps it",
            actual=f"{len(archive)} bytes, sha256 {hashlib.sha256(archive).hexdigest()[:SHOWN]}...",
        )


def escrow_in_place(items: Sequence[EscrowItem], in_use: Sequence[InUse], own: Sequence[Path]) -> tuple[Check, ...]:
    """Put each copy that has an ``archive`` over what is in use, until this process ends; nobody else sees that.

    What ssh has of this user is hidden, too, and its agent is left. Returns a check of each copy, and one that is skipped of each
    thing ``in_use`` that is in none. ``own`` is what this process must go on to see, as where its records are. Raises
    ConfigurationError where no item can be fetched or ``own`` would be covered, InfrastructureError where one can't be had.
    """
    copies = sorted(_copies(items, own), key=lambda copy: len(copy.source.parts))
    archives = [printed(copy.item, copy.item.archive) for copy in copies]  # by what is in use, which is hidden then
    sources = [copy.source for copy in copies]
    elsewhere = [_of_this_machine(thing) for thing in in_use if not below_one_of(thing.path, sources)]
    leave_the_mounts_of_others()
    os.environ.pop("SSH_AUTH_SOCK", None)
    for directory in _of_the_user():
        empty_directory_over(directory)
    found = [copy.unpack(archive) for copy, archive in zip(copies, archives, strict=True)]
    return (*found, *elsewhere)


def _copies(items: Sequence[EscrowItem], own: Sequence[Path]) -> Sequence[_Copy]:
    copies = [_Copy(item, item.source) for item in items if item.archive and item.source]
    if not copies:
        raise ConfigurationError(
            "no item of drillbook_escrow says how its copy is fetched",
            where="drillbook_escrow",
            remedy="Say in `archive` which program prints the copy of a directory as a tar archive.",
        )
    for copy in copies:
        if not copy.source.is_dir():
            raise ConfigurationError(
                f"{copy.source} is no directory", where=copy.item.name, remedy="Name the directory that was copied."
            )
        for path in own:
            if below_one_of(path, [copy.source]):
                raise ConfigurationError(
                    f"{path} lies in {copy.source}, and the copy would cover it",
                    where=copy.item.name,
                    remedy="Keep state, evidence and drillbook itself outside of what goes into escrow.",
                )
    return copies


def _of_the_user() -> Iterator[Path]:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return (home / name for name in _OF_THE_USER if (home / name).is_dir())


def _of_this_machine(thing: InUse) -> Check:
    return Check(
        name=f"{thing.name} out of escrow",
        stage=Stage.GATE,
        status=CheckStatus.SKIPPED,
        message=f"{thing.path} was this machine's own: it is in no copy that was fetched",
        remedy="Keep it below a source that has an archive.",
    )
