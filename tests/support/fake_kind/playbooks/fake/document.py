"""The fake kind's software: stores sets and increments, and brings a document back from them. Standard library only.

A set is a whole document; an increment holds the rows and the heartbeat that came after it. Each says its own checksum, and so
does each row.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class RefusedError(Exception):
    """What can't be done, in one sentence."""


def digest(content: dict[str, Any]) -> str:
    """Checksum of everything but the checksum itself."""
    body = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> dict[str, Any]:
    """A stored part whose checksum is right."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content["sha256"] != digest(content):
        raise RefusedError(f"the checksum of {path.stem} is wrong: the backup is damaged")
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Store a part with its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**content, "sha256": digest(content)}), encoding="utf-8")


def moment(text: str) -> datetime:
    """RFC 3339, or the form in which the playbooks get a time."""
    return datetime.fromisoformat(text)


def parts(folder: Path, until: str | None) -> dict[str, str]:
    """When each part was stored, oldest first; what is later than ``until`` is not seen. Its content is not believed yet."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8"))["at"] for path in sorted(folder.glob("*.json"))}
    return {
        label: at
        for label, at in sorted(found.items(), key=lambda entry: moment(entry[1]))
        if until is None or moment(at) <= moment(until)
    }


def select(repository: str, request: str, seed: str) -> dict[str, Any]:
    """Which set serves the request, and how far increments are to be followed."""
    asked = json.loads(request)
    as_of = asked.get("repository_time") or asked.get("until")
    sets = parts(Path(repository) / "sets", as_of)
    by_time = asked["type"] == "time"
    end = asked["target"] if by_time else None
    usable = [label for label, at in sets.items() if end is None or moment(at) <= moment(end)]
    if asked.get("set"):
        usable = [label for label in usable if label == asked["set"]]
    if not usable:
        raise RefusedError(f"there is no set before {end}" if end else "there is no set that serves the request")
    chosen = {"oldest": usable[0], "random": random.Random(seed).choice(usable)}.get(asked["type"], usable[-1])  # noqa: S311 - repeatable, and no secret
    follow = asked["type"] in ("latest", "time")
    return {
        "label": chosen,
        "type": asked["type"],
        "origin_time": sets[chosen],
        "target_time": moment(end).isoformat().replace("+00:00", "Z") if end else None,
        "end": (end or as_of) if follow else sets[chosen],
        "bytes": (Path(repository) / "sets" / f"{chosen}.json").stat().st_size,
    }


def catalog(repository: str, as_of: str) -> dict[str, Any]:
    """The sets and increments that were there at a moment, "" for now, with what is wrong with each; one that is `locked` can't be read."""
    if (Path(repository) / "locked").exists():
        return {"wrong_key": "the documents are locked with another key"}
    found: list[dict[str, Any]] = []
    for folder in ("sets", "increments"):
        for label, at in parts(Path(repository) / folder, as_of or None).items():
            try:
                read(Path(repository) / folder / f"{label}.json")
                fault = ""
            except RefusedError as error:
                fault = str(error)
            size = (Path(repository) / folder / f"{label}.json").stat().st_size
            found.append({"part": folder, "label": label, "at": at, "bytes": size, "fault": fault})
    return {"parts": found}


def transfer(repository: str, label: str, directory: str) -> dict[str, Any]:
    """Bring a set to the host."""
    write(Path(directory) / "document.json", read(Path(repository) / "sets" / f"{label}.json"))
    return {}


def replay(repository: str, directory: str, end: str) -> dict[str, Any]:
    """Apply the increments behind the set up to ``end``; an empty one means all of them."""
    document = read(Path(directory) / "document.json")
    folder = Path(repository) / "increments"
    labels = [label for label, at in parts(folder, end or None).items() if moment(at) > moment(document["at"])]
    for label in labels:
        later = read(folder / f"{label}.json")
        document |= {key: later[key] for key in ("at", "count", "heartbeat")}
        document["rows"] |= later["rows"]
    write(Path(directory) / "document.json", document)
    return {"increments": labels}


def start(directory: str) -> dict[str, Any]:
    """Let the document answer."""
    document = read(Path(directory) / "document.json")
    (Path(directory) / "answer").write_text(str(len(document["rows"])), encoding="utf-8")
    return {}


def ask(directory: str) -> dict[str, Any]:
    """What an answering document says of itself."""
    answer = Path(directory) / "answer"
    document = read(Path(directory) / "document.json")
    rows = document["rows"].items()
    return {
        "rows": int(answer.read_text(encoding="utf-8")) if answer.exists() else 0,
        "expected": document["count"],
        "heartbeat": document["heartbeat"] or {},
        "damaged": [number for number, row in rows if row["sha256"] != row_digest(row["text"])],
    }


def row_digest(text: str) -> str:
    """Checksum of a row."""
    return hashlib.sha256(text.encode()).hexdigest()


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    "select": select,
    "transfer": transfer,
    "replay": replay,
    "start": start,
    "ask": ask,
    "catalog": catalog,
}

if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    try:
        print(json.dumps(VERBS[verb](*arguments)))  # noqa: T201 - its output is its answer
    except RefusedError as error:
        raise SystemExit(str(error)) from None
