"""Which claims a drill may act on at all, whatever a ledger says."""

import re

from drillbook.errors import RefusedError
from drillbook.model import Backup, BackupNote, Claim
from drillbook.providers.proxmox.place import ProxmoxDrillRange

_IDENTIFIER = re.compile(r"qemu/([1-9][0-9]{2,8})")


def number_of(claim: Claim, provider: str, drill: ProxmoxDrillRange) -> int:
    """The claim's number; raises RefusedError where it is none of the range, or of no run here."""
    found = _IDENTIFIER.fullmatch(claim.identifier)
    number = int(found[1]) if found else -1
    if not drill.first_vmid <= number <= drill.last_vmid:
        why = f"is not in the drill range {drill.first_vmid} to {drill.last_vmid}"
    elif claim.provider != provider or not claim.run_id:
        why = f"is claimed by run {claim.run_id or '(none)'} at {claim.provider}, and this is {provider}"
    else:
        return number
    raise RefusedError(
        f"{claim.identifier} {why}: left alone",
        where=f"{provider}, run {claim.run_id}",
        remedy="Look at what wrote that into the ledger; remove by hand what is a drill's.",
    )


def refuse_another_s(claim: Claim, backup: Backup) -> None:
    """Raise RefusedError unless the backup is of the claim's host, and its note of the machine that Proxmox VE says it is of."""
    if claim.host != backup.host:
        why: str | None = f"it is of {backup.host}, and {claim.host} is to be restored"
    else:
        why = BackupNote.contradiction(backup.note, backup.host, backup.source, by="Proxmox VE")
    if why is not None:
        raise RefusedError(why, where=backup.identifier, remedy="Nothing was made; see `drillbook backup verify`.")
