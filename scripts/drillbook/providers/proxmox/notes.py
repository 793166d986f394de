"""What drillbook writes into a backup's notes: whose it is, where that machine was, and which network cards it had.

``drillbook/1 host=shop-db group=shop run=... source=qemu/100 node=pve1 pool=shop cards=net0/virtio/BC:24:11:00:00:64``: the machine
may be gone when this is read. ``pool=-`` is a machine that was in none, ``pool=`` one whose pool the credential was not shown.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drillbook.model import Backup, Machine
from drillbook.providers.proxmox.answers import malformed

NO_POOL = "-"
_MARK = "drillbook/1"
_CARD = re.compile(r"^net\d+$")
_FIRST = re.compile(r"^([a-z0-9-]+)(?:=((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}))?$")
_MAC = re.compile(r"^(?:macaddr|hwaddr)=((?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2})$")


@dataclass(frozen=True, slots=True)
class Card:
    """A network card: the model that the guest has a driver for, and its hardware address ("" where none was stated)."""

    model: str
    mac: str


@dataclass(frozen=True, slots=True)
class Note:
    """Read from a backup's notes; ``cards`` by their key in the configuration, ``node`` and ``pool`` "" where they were not said."""

    host: str
    group: str
    cards: Mapping[str, Card]
    node: str = ""
    pool: str = ""


def write_note(host: str, group: str, config: Mapping[str, Any]) -> str:
    """Return the notes for a backup of a machine with this configuration."""
    return with_cards(f"{_MARK} host={host} group={group}", config)


def with_machine(note: str, machine: Machine, pool: str, config: Mapping[str, Any]) -> str:
    """Return the note with what a restore needs to know of the machine behind it."""
    return with_cards(f"{note} node={machine.place} pool={pool}", config)


def with_cards(note: str, config: Mapping[str, Any]) -> str:
    """Return the note with the network cards of this configuration behind it."""
    cards = [f"{key}/{card.model}/{card.mac}" for key, card in cards_of(config).items()]
    return f"{note} cards={','.join(cards)}"


def read_note(text: str) -> Note | None:
    """Return what drillbook wrote there; None where it wrote nothing, or where that was changed."""
    words = text.split()
    if not words or words[0] != _MARK:
        return None
    values = dict(word.partition("=")[::2] for word in words[1:])
    if not {"host", "group", "cards"} <= set(values):
        return None
    cards = {}
    for entry in filter(None, values["cards"].split(",")):
        parts = entry.split("/")
        if len(parts) != 3 or not _CARD.match(parts[0]):
            return None
        cards[parts[0]] = Card(parts[1], parts[2])
    return Note(values["host"], values["group"], cards, values.get("node", ""), values.get("pool", ""))


def cards_of(config: Mapping[str, Any]) -> dict[str, Card]:
    """The network cards of a machine's configuration."""
    return {key: _card(str(line)) for key, line in sorted(config.items()) if _CARD.match(key)}


def listed_backup(entry: Mapping[str, Any], storage: str) -> Backup | None:
    """A backup as a storage's content lists it; None where drillbook did not take it."""
    note = read_note(str(entry.get("notes") or ""))
    if note is None:
        return None
    if "ctime" not in entry:
        raise malformed("a backup without its time", f"{entry['volid']} on {storage}")
    state = (entry.get("verification") or {}).get("state")
    return Backup(
        host=note.host,
        identifier=str(entry["volid"]),
        place=storage,
        source=str(entry.get("vmid") or ""),
        taken_at=datetime.fromtimestamp(int(entry["ctime"]), UTC),
        size=int(entry["size"]) if "size" in entry else None,
        note=str(entry["notes"]).strip(),
        protected=bool(entry.get("protected")),
        verified=None if state is None else state == "ok",
    )


def _card(line: str) -> Card:
    model, mac = "", ""
    for part in line.split(","):
        key, _, value = part.partition("=")
        found = _FIRST.match(part)
        if _MAC.match(part):
            mac = value
        elif key == "model":
            model = value
        elif found and (found[2] or "=" not in part):
            model, mac = found[1], found[2] or mac
    return Card(model or "virtio", mac.upper())
