"""What a line of a ledger must hold, by the kind of resource; loaded by who reads a ledger, not by who only adds to one."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from unicodedata import category

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

_KNOWN_SCHEMAS = ("drillbook.ledger/1", "drillbook.ledger/2")
_FORMER_KINDS = {"guest": "machine"}
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


class Line(_Read):
    """What stands in a line, whatever the kind; the details are those of its kind and no others."""

    kind: Literal["owner", "process", "machine", "file"]
    name: Annotated[Text, Field(min_length=1)]
    state: Literal["intended", "kept", "removed"]
    details: dict[str, Any] = {}


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


_DETAILS: Mapping[str, type[_Read]] = {"owner": _Owner, "process": _Process, "machine": _Machine, "file": _Read}


def key_of(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a line is about, whatever else it says: kind and name; None where it does not say."""
    kind, name = entry.get("kind"), entry.get("name")
    return (_kind_now(kind), name) if isinstance(kind, str) and isinstance(name, str) else None


def is_gone(entry: Mapping[str, Any]) -> bool:
    """Whether a line says, in any version's words, that something was removed."""
    return bool(entry.get("state") == "removed")


def line_of(entry: Mapping[str, Any], known: Mapping[str, Any]) -> Line:
    """Read a line; ``known`` are the details that an earlier line gave of the same thing. Raises ValueError that says what is odd."""
    if entry.get("schema") not in _KNOWN_SCHEMAS:
        raise ValueError(f"this version does not know its schema (it knows {', '.join(_KNOWN_SCHEMAS)})")
    try:
        told = {"kind": _kind_now(entry.get("kind")), "name": entry.get("name"), "state": entry.get("state")}
        line = Line.model_validate(told)
        if line.kind in {"owner", "process"}:
            _process_number(line.name)
        return line.model_copy(update={"details": _details(line.kind, entry.get("details") or known)})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def _kind_now(kind: Any) -> Any:
    return _FORMER_KINDS.get(kind, kind) if isinstance(kind, str) else kind


def _details(kind: str, details: Any) -> dict[str, Any]:
    if not isinstance(details, Mapping):
        raise ValueError("its details are no object")  # noqa: TRY004 - as pydantic says it of all else
    model = _OfPlaybook if kind == "machine" and "provider" not in details else _DETAILS[kind]
    found = {**details}
    if kind == "owner":
        former = found.get(_FORMER_TARGET)
        targets = found.get("targets", [former] if former else [])
        found["targets"] = tuple(targets) if isinstance(targets, list) else targets
    return model.model_validate(found).model_dump()
