"""Configuration that is no more than named entries: backup jobs, zones, virtual networks, high availability."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError
from tests.support.proxmox.state import Config

_CALL_ONLY = frozenset({"delete", "digest", "lock-token", "lock-secret"})


@dataclass(frozen=True, slots=True)
class Section:
    """One file of entries: where its calls are and how it speaks of an entry."""

    name: str
    path: str
    key: str
    file: str
    missing: str
    taken: str
    fixed: Config = field(default_factory=dict)
    audit: tuple[str, str] | None = None

    def entries(self, call: Call) -> dict[str, Config]:
        """Return the entries."""
        return call.state.section(self.name)

    def find(self, call: Call) -> Config:
        """Return the entry in the path, or refuse."""
        found = self.entries(call).get(self.identify(call))
        if found is None:
            raise PveError(self.missing.format(self.identify(call)))
        return found

    def identify(self, call: Call) -> str:
        """Return the entry's name; high availability takes a bare number for a virtual machine's."""
        name = str(call.get(self.key))
        return f"vm:{name}" if self.key == "sid" and name.isdigit() else name

    def shown(self, entry: Config) -> Config:
        """Return an entry with its checksum."""
        text = json.dumps(entry, sort_keys=True)
        return {**entry, "digest": hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()}


ZONES = Section(
    "zones",
    "/cluster/sdn/zones",
    "zone",
    "sdn/zones.cfg",
    "sdn zone '{}' does not exist",
    "sdn zone object ID '{}' already defined",
    audit=("/sdn/zones/{}", "SDN.Audit"),
)
VNETS = Section(
    "vnets",
    "/cluster/sdn/vnets",
    "vnet",
    "sdn/vnets.cfg",
    "sdn vnet '{}' does not exist",
    "sdn vnet object ID '{}' already defined",
    {"type": "vnet"},
    ("/sdn/zones/{zone}/{}", "SDN.Audit"),
)
HA_RESOURCES = Section(
    "ha-resources",
    "/cluster/ha/resources",
    "sid",
    "ha/resources.cfg",
    "no such resource '{}'",
    "resource ID '{}' already defined",
    {"state": "started"},
)
HA_RULES = Section(
    "ha-rules",
    "/cluster/ha/rules",
    "rule",
    "ha/rules.cfg",
    "HA rule '{}' does not exist",
    "HA rule '{}' already defined",
)
SECTIONS = (ZONES, VNETS, HA_RESOURCES, HA_RULES)


def _register(section: Section) -> None:
    @handles("GET", section.path)
    def list_entries(call: Call) -> Any:
        return [
            section.shown(entry)
            for name, entry in section.entries(call).items()
            if _visible(call, section, name, entry)
        ]

    @handles("POST", section.path)
    def create_entry(call: Call) -> None:
        name = section.identify(call)
        if name in section.entries(call):
            raise PveError(section.taken.format(name))
        _check_references(call, section)
        call.write(section.file)
        given = {key: value for key, value in call.given.items() if key not in _CALL_ONLY}
        section.entries(call)[name] = {**section.fixed, **given, section.key: name, **_derived(section, name)}

    one = f"{section.path}/{{{section.key}}}"

    @handles("GET", one)
    def read_entry(call: Call) -> Any:
        entry = section.find(call)
        _need(call, section, entry, "SDN.Audit", "SDN.Allocate")
        return section.shown(entry)

    @handles("PUT", one)
    def change_entry(call: Call) -> None:
        entry = section.find(call)
        _need(call, section, entry, "SDN.Allocate")
        if call.get("digest") and call.get("digest") != section.shown(entry)["digest"]:
            raise PveError("detected modified configuration - file changed by other user? Try again.")
        call.write(section.file)
        for key in filter(None, str(call.get("delete", "")).split(",")):
            entry.pop(key, None)
        entry |= {key: value for key, value in call.given.items() if key not in _CALL_ONLY and key != section.key}

    @handles("DELETE", one)
    def delete_entry(call: Call) -> None:
        _need(call, section, section.find(call), "SDN.Allocate")
        call.write(section.file)
        del section.entries(call)[section.identify(call)]


def _need(call: Call, section: Section, entry: Config, *privileges: str) -> None:
    """Check what the schema leaves to the code: rights on one zone or network."""
    if section.audit is not None:
        call.need(section.audit[0].format(section.identify(call), **entry), *privileges, any_of=True)


def _check_references(call: Call, section: Section) -> None:
    """Refuse an entry that names a guest or zone that there is not."""
    if section is HA_RESOURCES:
        vmid = section.identify(call).partition(":")[2]
        if int(vmid) not in call.state.guests:
            raise PveError(f"unable to detect SID from VMID - VM/CT {vmid} does not exist")
    if section is VNETS and call.get("zone") not in ZONES.entries(call):
        raise PveError(f"sdn zone '{call.get('zone')}' does not exist")


def _derived(section: Section, name: str) -> Config:
    """A managed guest's type follows from its name."""
    return {"type": name.partition(":")[0]} if section is HA_RESOURCES else {}


def _visible(call: Call, section: Section, name: str, entry: Config) -> bool:
    if section.audit is None:
        return True
    path, privilege = section.audit
    return call.may(path.format(name, **entry), privilege)


for _section in SECTIONS:
    _register(_section)


@handles("GET", "/cluster/ha/status/current")
def ha_status(call: Call) -> Any:
    """Return the state of the cluster's high availability."""
    quorate = int(not call.engine.faults.quorum_lost)
    first = {
        "id": "quorum",
        "node": call.engine.local,
        "quorate": quorate,
        "status": "OK" if quorate else "No quorum!",
        "type": "quorum",
    }
    services = [
        {
            "id": f"service:{sid}",
            "sid": sid,
            "type": "service",
            "node": call.engine.local,
            "state": entry["state"],
            "status": sid,
        }
        for sid, entry in HA_RESOURCES.entries(call).items()
    ]
    return [first, *services]


@handles("PUT", "/cluster/sdn")
def apply_sdn(call: Call) -> str:
    """Apply zones and networks; here they exist at once."""

    async def work(task: Any) -> None:
        await task.work()

    return call.task("reloadnetworkall", "", work)
