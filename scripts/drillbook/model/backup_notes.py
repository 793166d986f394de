"""The note that lies with each backup. It says of what it is and who took it, also when the machine is gone."""

from dataclasses import dataclass
from typing import Self

_MARK = "drillbook/1"


@dataclass(frozen=True, slots=True)
class BackupNote:
    """What drillbook writes to a backup: the host and its group, the run that took it, and the machine's identifier.

    A provider may add words of its own behind it; they are left alone. ``run`` and ``source`` are "" where they were not said.
    """

    host: str
    group: str
    run: str = ""
    source: str = ""

    def render(self) -> str:
        """One line of words: Proxmox Backup Server lists only the first line of a note."""
        return f"{_MARK} host={self.host} group={self.group} run={self.run} source={self.source}"

    @classmethod
    def contradiction(cls, text: str, host: str, source: str, *, by: str) -> str | None:
        """Say what the note in ``text`` tells of another machine than ``by`` does; None where they agree.

        A note that does not say its source, or says its sort before it (``qemu/100``), agrees with the bare one.
        """
        note = cls.read(text)
        if note is not None and note.host == host and note.source.rpartition("/")[2] in ("", source):
            return None
        said = f"{note.host} ({note.source})" if note else "nothing"
        return f"its note says that it is of {said}, and {by} that it is of {host} ({source})"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the note in ``text``; None where drillbook did not write it."""
        words = text.split()
        if not words or words[0] != _MARK:
            return None
        values = dict(word.partition("=")[::2] for word in words[1:])
        if not values.get("host") or not values.get("group"):
            return None
        return cls(**{name: values.get(name, "") for name in cls.__dataclass_fields__})
