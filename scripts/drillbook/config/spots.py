"""Where in the schema a fault lies, and what is said of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from drillbook.config.faults import Faults, closest, did_you_mean
from drillbook.config.schema import models_in

_REFERENCE = "See docs/reference/configuration.md."
_NAMES = ("name", "host")
"""Keys that an entry of a list is called by."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A group whose variables are read. ``services`` are the keys of each kind, ``elsewhere`` says where else a variable belongs."""

    group: str
    services: Mapping[str, type[BaseModel]]
    elsewhere: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the variables of a group; ``models`` are those that may stand around its last part."""

    path: tuple[int | str, ...]
    text: str
    models: tuple[type[BaseModel], ...]

    @property
    def known(self) -> list[str]:
        """The keys that may stand here."""
        return sorted({name for model in self.models for name in model.model_fields})


def spot(model: type[BaseModel], said: Any, loc: tuple[int | str, ...]) -> Spot:
    """Where pydantic's ``loc`` is in what was ``said``: without the names of kinds, which it puts between two keys."""
    path: list[int | str] = []
    text = ""
    models: tuple[type[BaseModel], ...] = (model,)
    inner = models
    for part in loc:
        named = _of_kind(inner, part) if len(inner) > 1 else None
        if named is not None:
            models = inner = (named,)
            continue
        said = inside(said, part)
        path.append(part)
        if isinstance(part, int):
            text += f"[{_name(said) or part}]"
            continue
        text += f".{part}" if text else part
        models = inner
        inner = (
            tuple(
                found
                for one in models
                if part in one.model_fields
                for found in models_in(one.model_fields[part].annotation)
            )
            or models
        )
    return Spot(tuple(path), text or "drillbook_*", models)


def add_wrong(found: ErrorDetails, place: Spot, group: str, faults: Faults) -> None:
    """Add what pydantic found, but for an unknown key."""
    remedy = _REFERENCE
    if found["type"] == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", str(found["ctx"]["expected_tags"]))
        remedy = f"{did_you_mean(closest(str(found['ctx']['tag']), known))}{_REFERENCE}"
    faults.add(str(found["msg"]).removeprefix("Value error, "), group, place.text, remedy)


def add_unknown(place: Spot, owner: Owner, faults: Faults) -> str | None:
    """Add that a key is unknown; return the known one that is proposed instead, None without one."""
    key = str(place.path[-1])
    kind = next((name for name, model in owner.services.items() if place.models == (model,)), None)
    owners = [name for name, model in owner.services.items() if key in model.model_fields]
    known = ", ".join(place.known)
    if kind is not None and owners:
        what = f"a key of the kind {' and '.join(owners)}, not of {kind}"
        faults.add(what, owner.group, place.text, f"The kind {kind} has {known}. {_REFERENCE}", unknown=True)
        return None
    if len(place.path) == 1 and key in owner.elsewhere:
        faults.add(
            "unknown key", owner.group, place.text, f"It belongs to {owner.elsewhere[key]}. {_REFERENCE}", unknown=True
        )
        return None
    proposed = closest(key, place.known)
    remedy = f"{did_you_mean(proposed)}Known here: {known}. {_REFERENCE}"
    faults.add("unknown key", owner.group, place.text, remedy, unknown=True)
    return proposed


def _of_kind(models: tuple[type[BaseModel], ...], part: int | str) -> type[BaseModel] | None:
    """The one whose ``kind`` is called so."""
    for model in models:
        if "kind" in model.model_fields and part in get_args(model.model_fields["kind"].annotation):
            return model
    return None


def inside(said: Any, part: int | str) -> Any:
    """What stands under a key or a number; None where there is nothing such."""
    try:
        return said[part]
    except (KeyError, IndexError, TypeError):
        return None


def _name(entry: Any) -> str | None:
    """What an entry of a list is called, where it says so itself."""
    names = (entry[key] for key in _NAMES if key in entry) if isinstance(entry, Mapping) else ()
    return next((name for name in names if isinstance(name, str) and name), None)
