"""Which inventory a verb reads: one that was named, or that of this clone's own lab."""

import os
from collections.abc import Callable
from pathlib import Path

from drillbook.errors import ConfigurationError

VARIABLE = "DRILLBOOK_INVENTORY"
_LAB = "DRILLBOOK_LAB"
_USUAL_LAB = "drillbook"


def chosen_inventories(given: list[Path] | None, root: Callable[[], Path], tell: Callable[[str], None]) -> list[Path]:
    """The inventories of the command line, else of ``$DRILLBOOK_INVENTORY``, else of the lab that this clone made.

    ``root`` is asked for the repository only where nothing was named. ``tell`` hears that it is the lab's. Raises
    ConfigurationError where there is no such lab: what acts on machines must not guess whose they are.
    """
    named = given or [Path(part) for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part]
    if named:
        return named
    repository = root()
    lab = os.environ.get(_LAB) or _USUAL_LAB
    labs = known_labs(repository)
    if lab not in labs:
        others = f" A lab of this clone is named by {_LAB}: {', '.join(labs)}." if labs else ""
        raise ConfigurationError(
            f"no inventory was given, and this clone has no lab '{lab}'",
            where="the command line",
            remedy=f"Give --inventory (-i), or set {VARIABLE}. `drillbook init DIRECTORY` makes an inventory.{others}",
        )
    tell(f"drillbook: no inventory was given: using inventories/lab, of the lab '{lab}'")
    return [repository / "inventories/lab"]


def known_labs(repository: Path) -> list[str]:
    """The labs of this clone: playbooks/lab/up.yml writes their container settings, and lab/down.yml forgets them."""
    return sorted(found.parent.name for found in (repository / ".lab").glob("*/containers.conf"))
