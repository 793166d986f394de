"""Hostile and broken answers, a thousand of each sort and the same ones each time: what a guest, an agent or a database may hand over."""

import copy
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from drillbook.errors import DrillbookError, MalformedDataError

COUNT = 1000
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 3, 2**63, 10**400, 1.5, -0.0, float("inf"), float("-inf"), float("nan"), "", "x", "-5", "1e999", "\ud800",
    "a\udfffb", "\x1b[2J\x1b]0;owned\x07", "[/x]", "[bold]", "\u202eeslaf", "\x00", "\r\n", "a" * 5000, "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:00Z", "2026-13-45T99:99:99Z", "2026-01-31T12:00:00", "infinity", [], [[]], {}, {"a": 1},
    ["x", "\ud800"], {"\ud800": "\x1b[0m"},
)  # fmt: skip


def deep(levels: int) -> Any:
    """Lists in lists."""
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


def documents(good: Mapping[str, Any], seed: int) -> Iterator[str]:
    """Texts that stand where the JSON of ``good`` should: values exchanged, keys gone, bytes changed, cut off, too deep, too large."""
    chance = random.Random(seed)  # noqa: S311 - the same each time, and no secret
    whole = json.dumps(good)
    yield from (
        "",
        "[]",
        "null",
        "3",
        '"x"',
        "{}",
        "[" * 100_000,
        '{"a":' * 2000,
        whole + whole,
        whole + " " * 100_000,
        "\ufeff" + whole,
    )
    for _ in range(COUNT):
        sort = chance.randrange(5)
        if sort == 0:
            text = list(whole)
            for _change in range(chance.randrange(1, 6)):
                text[chance.randrange(len(text))] = chr(
                    chance.choice((0, 27, 34, 44, 91, 123, 0x202E, 0xD800, 0x1F600, chance.randrange(0x110000)))
                )
            yield "".join(text)
        elif sort == 1:
            yield whole[: chance.randrange(len(whole))]
        else:
            yield json.dumps(mutated(good, chance))


def mutated(good: Mapping[str, Any], chance: random.Random) -> Any:
    """``good`` with some of its values exchanged for odd ones, or gone; now and then something else altogether."""
    if chance.random() < 0.1:
        return chance.choice((*ODD, deep(chance.randrange(20, 500))))
    found = dict(good)
    for key in chance.sample(sorted(found), chance.randrange(1, len(found) + 1)):
        if chance.random() < 0.2:
            del found[key]
        else:
            found[key] = chance.choice((*ODD, deep(chance.randrange(20, 500))))
    return found


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, each as the keys and indexes that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, one in inner for place in places(one, (*path, key)))]


def spoiled(document: Any, chance: random.Random, odd: Callable[[Any], Any] | None = None) -> Any:
    """The document with one to five of its places exchanged for something odd, or gone. ``odd`` makes that of what was there."""
    made = copy.deepcopy(document)
    for _ in range(chance.randrange(1, 6)):
        there = places(made)
        if not there:
            break
        *before, last = chance.choice(there)
        holder = made
        for key in before:
            holder = holder[key]
        if chance.random() < 0.2:
            del holder[last]
        else:
            holder[last] = odd(holder[last]) if odd else chance.choice((*ODD, deep(chance.randrange(40))))
    return made


def refusals(verbs: Sequence[Callable[[], object]], given: Callable[[], int], count: int) -> int:
    """Use each verb again and again until so many answers were given; how many of them nobody could read. Raises what is no error of ours."""
    refused = 0
    while given() < count:
        for verb in verbs:
            try:
                verb()
            except DrillbookError as error:
                refused += isinstance(error, MalformedDataError)
    return refused


def lines(good: str, seed: int) -> Iterator[str]:
    """Answers that stand where the lines of ``good`` should: words gone, added or exchanged, lines gone, doubled or cut off."""
    chance = random.Random(seed)  # noqa: S311 - the same each time, and no secret
    odd = (
        "",
        " ",
        "-1",
        "a b c d e",
        "open",
        "unit",
        "read",
        "bad",
        "9" * 5000,
        "\x1b[2J",
        "\ud800",
        "inf",
        "nan",
        "0x10",
        "²",
        "open 1",
    )
    for _ in range(COUNT):
        found = good.splitlines()
        for _change in range(chance.randrange(1, 4)):
            place = chance.randrange(len(found)) if found else 0
            words = found[place].split(" ") if found else []
            sort = chance.randrange(4)
            if sort == 0 and words:
                words[chance.randrange(len(words))] = chance.choice(odd)
                found[place] = " ".join(words)
            elif sort == 1 and found:
                del found[place]
            elif sort == 2:
                found.insert(place, chance.choice(odd))
            elif words:
                found[place] = found[place][: chance.randrange(len(found[place]) + 1)]
        yield "\n".join(found) + chance.choice(("", "\n"))
