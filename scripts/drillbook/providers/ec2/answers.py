"""Answers of AWS that lack what is read of them: botocore gives each part its type, and says nothing of what is not there."""

from collections.abc import Mapping
from typing import Any, SupportsIndex, TypeVar, cast

from drillbook.errors import MalformedDataError

_Answer = TypeVar("_Answer")


class Part(dict[str, Any]):
    """A part without a key that is read is one error, which names the call."""

    def __init__(self, part: Mapping[str, Any], where: str) -> None:
        super().__init__({key: _complete(value, where) for key, value in part.items()})
        self.where = where

    def __missing__(self, key: str) -> Any:
        raise _lacks(key, self.where)


class _List(list[Any]):
    """The same for an entry of a list."""

    def __init__(self, part: list[Any], where: str) -> None:
        super().__init__(_complete(value, where) for value in part)
        self._where = where

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        try:
            return super().__getitem__(index)
        except IndexError:
            raise _lacks(f"entry {index}", self._where) from None


def complete(answer: _Answer, where: str) -> _Answer:
    """Return the answer, whose every part raises MalformedDataError where what is read of it is not there."""
    return cast("_Answer", _complete(answer, where))


def _complete(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        return Part(value, where)
    return _List(value, where) if isinstance(value, list) else value


def _lacks(what: str, where: str) -> MalformedDataError:
    return MalformedDataError(
        f"an answer of AWS has no {what}",
        where=where,
        remedy="See what answers at that endpoint, and run the same command again.",
    )
