"""What is refused of an inventory whatever the schema says."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from drillbook.config.faults import Faults
from drillbook.config.inventory import Inventory
from drillbook.config.keys import Loc, is_unrendered

_ALIKE = 0.9
"""How much of a name must be the same, as difflib measures it: one wrong letter or two."""


def refuse_host_variables(inventory: Inventory, prefix: str, faults: Faults) -> None:
    """What is written for a single host: a drill would not see it."""
    for host, variables in inventory.host_variables.items():
        for key in variables:
            if key.startswith(prefix):
                faults.add_of_host(
                    f"{key} is written for a host",
                    host,
                    key,
                    "Write it in the group_vars of `all` or of the service's group.",
                )


def look_alikes(inventory: Inventory, prefix: str, known: Iterable[str], faults: Faults) -> None:
    """A variable that is ours but for a letter of the prefix: without a word it would be nobody's."""
    names = list(known)
    for group, found in inventory.groups.items():
        for key in found.variables:
            alike = [] if key.startswith(prefix) else get_close_matches(key, names, n=1, cutoff=_ALIKE)
            if alike:
                remedy = f"Did you mean '{alike[0]}'? A variable of your own needs another name."
                faults.add("unknown key", group, key, remedy, unknown=True)


def unrendered(group: str, values: Mapping[str, Any], faults: Faults) -> list[Loc]:
    """Add each template and each vaulted value; return the variables that hold one, of a list its entry."""
    found: list[Loc] = []
    for key, value in values.items():
        for loc, text in _unrendered(value, (key,)):
            found.append(loc[:2] if len(loc) > 1 and isinstance(loc[1], int) else loc[:1])
            if isinstance(text, str):
                message = f"'{text}' is a template, which ansible-inventory does not render"
                faults.add(message, group, key, "Write the literal value.")
            else:
                faults.add(
                    "the value is vaulted", group, key, "drillbook_* values hold no secrets; write it in the clear."
                )
    return found


def refuse_twins(entries: Iterable[tuple[str, str]], key: str, faults: Faults) -> None:
    """Two of one name; ``entries`` are names with the group that each is declared in."""
    seen: dict[str, str] = {}
    for name, group in entries:
        if name in seen:
            faults.add(f"'{name}' is also declared in group {seen[name]}", group, key, "Give each its own name.")
        seen.setdefault(name, group)


def _unrendered(value: object, loc: Loc) -> Iterator[tuple[Loc, object]]:
    if is_unrendered(value):
        yield loc, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _unrendered(inner, (*loc, str(key)))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _unrendered(inner, (*loc, number))
