"""What is read of Proxmox VE's answers, and of which type it is: anything else is one error, before anybody reads it.

The types are those of the official schema's ``returns``; a key that is not named here is passed on as it came.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from drillbook.errors import MalformedDataError
from drillbook.providers.proxmox.upid import UPID

_YEAR_3000 = 32_503_680_000
_LARGEST = 2**63 - 1

_Text = Annotated[str, StringConstraints(max_length=2**20)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
_GuestNumber = Annotated[int, Field(ge=0, le=999_999_999)]
_Number = Annotated[int, Field(ge=-(2**31), le=_LARGEST)]
_Moment = Annotated[int, Field(ge=0, le=_YEAR_3000)]
"""Seconds since 1970. A date that no calendar here has can't be compared with any."""
_Flag = Annotated[int, Field(ge=0, le=1)]
_TaskName = Annotated[str, StringConstraints(pattern=f"^(?:{UPID})$", max_length=1024)]
_Scalar = str | int | float | bool


class _Object(BaseModel):
    """One that may leave out whatever has a default here; what it leaves out stays out."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


class _Guest(_Object):
    id: _Name
    node: _Name
    type: _Name
    vmid: _GuestNumber
    name: _Text = ""
    status: _Text = ""
    lock: _Text = ""
    pool: _Text = ""
    template: _Flag = 0


class _Node(_Object):
    node: _Name
    status: _Text = ""


class _Storage(_Object):
    storage: _Name
    type: _Name
    content: _Text = ""
    active: _Flag = 0
    enabled: _Flag = 0
    shared: _Flag = 0


class _Verification(_Object):
    state: _Text = ""


class _Volume(_Object):
    volid: _Name
    ctime: _Moment = 0
    size: _Number = 0
    notes: _Text = ""
    vmid: _GuestNumber = 0
    protected: _Flag = 0
    verification: _Verification = _Verification()


class _Task(_Object):
    upid: _TaskName
    endtime: _Number = 0


class _TaskState(_Object):
    status: _Name
    exitstatus: _Text = ""


class _Line(_Object):
    t: _Text = ""


class _HighAvailability(_Object):
    managed: _Flag = 0


class _GuestState(_Object):
    status: _Name
    ha: _HighAvailability = _HighAvailability()


class _Snapshot(_Object):
    name: _Name
    snaptime: _Moment = 0
    vmstate: _Flag = 0
    description: _Text = ""


class _Feature(_Object):
    has_feature: _Flag = Field(0, alias="hasFeature")


class _Member(_Object):
    vmid: _GuestNumber = 0
    node: _Name = ""


class _Pool(_Object):
    members: list[_Member] = []


class _File(_Object):
    content: str


class _Started(_Object):
    pid: _Number


class _Program(_Object):
    exited: _Flag
    exitcode: _Number = 0
    signal: _Number = 0
    out_data: str = Field("", alias="out-data")
    out_truncated: _Flag = Field(0, alias="out-truncated")


class _Frozen(_Object):
    result: _Name


_GUEST = r"/nodes/[^/]+/(?:qemu|lxc)/\d+"
_SHAPES: Sequence[tuple[str, re.Pattern[str], TypeAdapter[Any]]] = [
    (method, re.compile(path), TypeAdapter(shape))
    for method, path, shape in (
        ("get", r"/cluster/resources", list[_Guest]),
        ("get", r"/nodes", list[_Node]),
        ("get", r"/pools", list[_Pool]),
        ("get", r"/access/permissions", dict[_Name, dict[_Name, _Flag]]),
        ("get", r"/nodes/[^/]+/storage", list[_Storage]),
        ("get", r"/nodes/[^/]+/storage/[^/]+/content", list[_Volume]),
        ("get", r"/nodes/[^/]+/vzdump/extractconfig", _Text),
        ("get", r"/nodes/[^/]+/tasks", list[_Task]),
        ("get", r"/nodes/[^/]+/tasks/[^/]+/status", _TaskState),
        ("get", r"/nodes/[^/]+/tasks/[^/]+/log", list[_Line]),
        ("get", rf"{_GUEST}/config", dict[_Name, _Scalar]),
        ("get", rf"{_GUEST}/status/current", _GuestState),
        ("get", rf"{_GUEST}/snapshot", list[_Snapshot]),
        ("get", rf"{_GUEST}/feature", _Feature),
        ("get", rf"{_GUEST}/agent/file-read", _File),
        ("get", rf"{_GUEST}/agent/exec-status", _Program),
        ("post", rf"{_GUEST}/agent/exec", _Started),
        ("post", rf"{_GUEST}/agent/fsfreeze-status", _Frozen),
    )
]


def understood(method: str, path: str, answer: Any, where: str) -> Any:
    """Return the answer with numbers as numbers and texts as texts; raises MalformedDataError where it is none that is known.

    What a call gives that nobody reads, or that is a task's name, passes: `Upid.parse` looks at that.
    """
    for wanted, pattern, shape in _SHAPES:
        if wanted == method and pattern.fullmatch(path):
            try:
                return shape.dump_python(shape.validate_python(answer), by_alias=True, exclude_unset=True)
            except ValidationError as error:
                raise malformed(_said(error), where) from error
    return answer


def malformed(why: str, where: str) -> MalformedDataError:
    """The error for an answer that Proxmox VE does not give."""
    return MalformedDataError(
        f"that is no answer of Proxmox VE: {why}",
        where=where,
        remedy="See what answers there, and whether its version is a supported one: `pveversion`.",
    )


def _said(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
