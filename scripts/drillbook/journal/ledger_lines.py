"""What a line of a ledger must hold, by the kind of resource; loaded by who reads a ledger, not by who only adds to one."""

from collections.abc import Mapping
from typing import Annotated, Any
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from drillbook.journal.ledger import LEDGER_SCHEMA, Resource, ResourceKind, State

_KNOWN_SCHEMAS = ("drillbook.ledger/1", LEDGER_SCHEMA)
_FORMER_KINDS = {"guest": ResourceKind.MACHINE}
"""What ledgers of schema 1 called it. Their `machine` was made by a playbook, and has no claim."""
_FORMER_TARGET = "target"
"""Where ledgers before runs had tracks named the only one."""
_LAST_PID = 2**22
"""The kernel's own limit of process numbers (PID_MAX_LIMIT)."""


def _speakable(text: str) -> str:
    """Refuse control characters and lone surrogates: the kernel takes no zero byte, and a terminal none of them."""
    if any(category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("it holds characters that can't be printed")
    return text


def _process_number(text: str) -> str:
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= _LAST_PID):
        raise ValueError("it is no process number")
    return text


Text = Annotated[str, AfterValidator(_speakable)]


class _Read(BaseModel):
    """Strict in what is read, and blind to fields that a later version has added."""

    model_config = ConfigDict(strict=True, extra="ignore")


class _Line(_Read):
    kind: ResourceKind
    name: Annotated[Text, Field(min_length=1)]
    state: State


class _Process(_Read):
    """Details of a process; an owner's hold the targets too."""

    start_ticks: int
    boot_id: Text


class _Owner(_Process):
    targets: tuple[Text, ...] = ()


class _Machine(_Read):
    provider: Text
    host: Text
    identifier: Text
    run_id: Text


class _OfPlaybook(_Read):
    """A machine of schema 1: nothing of it is believed."""


_DETAILS: Mapping[ResourceKind, type[_Read]] = {
    ResourceKind.OWNER: _Owner,
    ResourceKind.PROCESS: _Process,
    ResourceKind.MACHINE: _Machine,
    ResourceKind.FILE: _Read,
}
_PROCESSES = (ResourceKind.OWNER, ResourceKind.PROCESS)


def key_of(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a line is about, whatever else it says: kind and name; None where it does not say."""
    kind, name = entry.get("kind"), entry.get("name")
    return (_kind_now(kind), name) if isinstance(kind, str) and isinstance(name, str) else None


def is_gone(entry: Mapping[str, Any]) -> bool:
    """Whether a line says, in any version's words, that something was removed."""
    return entry.get("state") == State.REMOVED.value


def resource_of(entry: Mapping[str, Any], known: Resource | None) -> Resource:
    """Read a line; ``known`` is what an earlier line said of the same thing. Raises ValueError that says what is odd in it."""
    if entry.get("schema") not in _KNOWN_SCHEMAS:
        raise ValueError(f"this version does not know its schema (it knows {', '.join(_KNOWN_SCHEMAS)})")
    kind, state = _word(ResourceKind, _kind_now(entry.get("kind"))), _word(State, entry.get("state"))
    try:
        line = _Line.model_validate({"kind": kind, "name": entry.get("name"), "state": state})
        if line.kind in _PROCESSES:
            _process_number(line.name)
        details = entry.get("details") or (known.details if known else {})
        return Resource(line.kind, line.name, _details(line.kind, details), line.state)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def _kind_now(kind: Any) -> Any:
    return _FORMER_KINDS[kind].value if isinstance(kind, str) and kind in _FORMER_KINDS else kind


def _details(kind: ResourceKind, details: Any) -> dict[str, Any]:
    if not isinstance(details, Mapping):
        raise ValueError("its details are no object")  # noqa: TRY004 - as pydantic says it of all else
    model = _DETAILS[kind]
    if kind is ResourceKind.MACHINE and "provider" not in details:
        model = _OfPlaybook
    found = {**details}
    if kind is ResourceKind.OWNER:
        former = found.get(_FORMER_TARGET)
        found["targets"] = found.get("targets", [former] if former else [])
        found["targets"] = tuple(found["targets"]) if isinstance(found["targets"], list) else found["targets"]
    return model.model_validate(found).model_dump()


def _word(words: type[ResourceKind] | type[State], value: Any) -> Any:
    """One of the words of this version, or the value itself, which the model then refuses."""
    return next((word for word in words if word.value == value), value)
