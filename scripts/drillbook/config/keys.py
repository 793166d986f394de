"""The variables of one group, held against the schema: all that is wrong with them, and what can be used all the same."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError, create_model

from drillbook.config.faults import Faults
from drillbook.config.spots import Owner, Spot, add_unknown, add_wrong, inside, spot

ModelT = TypeVar("ModelT", bound=BaseModel)
Loc = tuple[int | str, ...]
_UNSOUND: Any = object()
"""Stands for a value that could not be read. Nobody looks at it: `sound` is asked first."""


@dataclass(frozen=True, slots=True)
class Keys(Generic[ModelT]):
    """A group's variables as far as they are sound; a list has those of its entries that are."""

    values: ModelT
    unsound: frozenset[str]

    def sound(self, key: str) -> bool:
        """Whether all of a variable could be read, so that others may be held against it."""
        return key not in self.unsound


def read_keys(
    model: type[ModelT], said: Mapping[str, Any], owner: Owner, unrendered: Iterable[Loc], faults: Faults
) -> Keys[ModelT] | None:
    """Read ``said``, and add to ``faults`` what is wrong. Returns None where nothing of it can be used.

    An unknown key is read as the one that is proposed instead, so that its absence is no second fault. A variable or an
    entry of a list that is wrong is set aside, and so is what holds something ``unrendered``, which was said before.
    """
    left, unsound = deepcopy(dict(said)), set[str]()
    aside, guessed = list(unrendered), list[Loc]()
    while True:
        try:
            read = _model_without(model, unsound - left.keys()).model_validate(left)
        except ValidationError as error:
            wrong = [(found, spot(model, left, found["loc"])) for found in error.errors()]
        else:
            if not aside:
                return Keys(read, frozenset(unsound))
            wrong = []
        unknown = [place for found, place in wrong if found["type"] == "extra_forbidden"]
        if any([_rename(left, place, add_unknown(place, owner, faults), guessed) for place in unknown]):  # noqa: C419 - all of them
            continue
        for found, place in wrong:
            if not is_unrendered(found["input"]) and not any(place.path[: len(guess)] == guess for guess in guessed):
                add_wrong(found, place, owner.group, faults)
        if not _set_aside(left, [*(place.path for _found, place in wrong), *aside], unsound):
            return None
        aside = []


def is_unrendered(value: object) -> bool:
    """Whether a value is a template or vaulted, which `ansible-inventory` hands on as it is written."""
    if isinstance(value, Mapping):
        return "__ansible_vault" in value
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _model_without(model: type[ModelT], gone: Iterable[str]) -> type[ModelT]:
    """The same model, in which variables that were set aside need not be there: a list is empty then."""
    known = model.model_fields
    fields: dict[str, Any] = {
        key: (Any, () if isinstance(known[key].default, tuple) else _UNSOUND) for key in gone if key in known
    }
    return create_model(model.__name__, __base__=model, **fields) if fields else model


def _rename(left: Any, place: Spot, name: str | None, guessed: list[Loc]) -> bool:
    """Put what stands under an unknown key under ``name``, where that is free, else nowhere; False where nothing stands there."""
    *around, key = place.path
    for part in around:
        left = inside(left, part)
    if not isinstance(left, dict) or key not in left:
        return False
    value = left.pop(key)
    if name is not None and name not in left:
        left[name] = value
        guessed.append((*around, name))
    return True


def _set_aside(left: dict[str, Any], paths: Iterable[Loc], unsound: set[str]) -> bool:
    """Take out what is wrong: an entry of a list alone, anything else with its whole variable. False where nothing is left to take out."""
    doomed: dict[str, set[int] | None] = {}
    for path in paths:
        if not path or not isinstance(path[0], str):
            return False
        entry = path[1] if len(path) > 1 and isinstance(left.get(path[0]), list) else None
        entries = doomed.setdefault(path[0], set())
        if not isinstance(entry, int):
            doomed[path[0]] = None
        elif entries is not None:
            entries.add(entry)
    before = (deepcopy(left), set(unsound))
    for key, entries in doomed.items():
        unsound.add(key)
        if entries is None:
            left.pop(key, None)
        else:
            left[key] = [one for number, one in enumerate(left[key]) if number not in entries]
    return before != (left, unsound)
