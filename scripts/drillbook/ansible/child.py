"""What becomes ansible-playbook: ties its life to ours and writes itself into the ledger, then turns into it."""

import os
import sys
from pathlib import Path

from drillbook.clock import SystemClock
from drillbook.journal.ledger import Ledger, ResourceKind, process_resource
from drillbook.process import ProcessIdentity, die_with_parent

_BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from drillbook.ansible.child import main; main()"


def wrapped(command: list[str], *, step: str, ledger_directory: Path) -> list[str]:
    """Return the command line that runs ``command`` through ``main``."""
    package_parent = Path(__file__).parents[2]
    return [sys.executable, "-c", _BOOT, str(package_parent), str(os.getpid()), step, str(ledger_directory), *command]


def main() -> None:
    """Entry: parent's pid, step, ledger directory, command. The pid stays the same through exec."""
    parent, step, directory, *command = sys.argv[1:]
    die_with_parent()
    if os.getppid() != int(parent):
        raise SystemExit(143)  # it died before the kernel was told to tie us to it
    identity = ProcessIdentity.of(os.getpid())
    Ledger(Path(directory), SystemClock()).intend(process_resource(ResourceKind.PROCESS, identity, step=step))
    os.execvp(command[0], command)  # noqa: S606 - no shell is what is wanted
