"""What a token may do and is shown: Proxmox VE leaves out of a list what one may not see, and says that all is well."""

from collections.abc import Collection
from typing import Any

from drillbook.errors import ConfigurationError
from drillbook.providers.proxmox.api import ProxmoxApi

WRITE = "Datastore.AllocateSpace"
_EVERYTHING = "Datastore.Allocate"
_BACKUP = "VM.Backup"
_PAGE = "docs/how-to/backups.md"


def privileges_on(api: ProxmoxApi, path: str) -> frozenset[str]:
    """The token's effective privileges on one path; one call. Raises DrillbookError."""
    return frozenset(api.get("/access/permissions", path=path).get(path) or ())


def refuse_blind(api: ProxmoxApi, storage: str, hosts: Collection[str]) -> None:
    """Raise ConfigurationError where these hosts seem to have no backup on a storage because the token may not see them.

    Three calls, and one for each of them that is there. The number of one that is gone is not known: its backups are shown for certain
    to whom all numbers are.
    """
    rights = privileges_on(api, f"/storage/{storage}") if hosts else frozenset({_EVERYTHING})
    if _EVERYTHING in rights:
        return
    if WRITE not in rights:
        raise _unseen(f"the token is shown no backup on {storage}: it lacks {WRITE}", f"/storage/{storage}", _PAGE)
    guests: list[dict[str, Any]] = api.get("/cluster/resources", type="vm")
    there = {str(one["name"]): one["vmid"] for one in guests if one.get("name") in hosts and not one.get("template")}
    for host, number in sorted(there.items()):
        if _BACKUP not in privileges_on(api, f"/vms/{number}"):
            raise _unseen(f"the token is shown no backup of {host}: it lacks {_BACKUP}", f"/vms/{number}", _PAGE)
    gone = sorted(set(hosts) - set(there))
    if gone and _BACKUP not in privileges_on(api, "/vms"):
        raise ConfigurationError(
            f"the token is shown no guest called {', '.join(gone)}, and no backup of it: it is gone, or not this token's",
            where="the cluster's list of guests",
            remedy=f"For each that is gone give the token {_BACKUP} on /vms/N, N being its number ({_PAGE}); or ask by the "
            "credential for restores in place.",
        )


def refuse_blind_reader(api: ProxmoxApi, storage: str) -> None:
    """Raise ConfigurationError where a storage entry seems to hold no backup of a machine because the drill's token may not read it; one call."""
    if _EVERYTHING not in privileges_on(api, f"/storage/{storage}"):
        raise _unseen(
            f"the token is shown no backup on {storage}: it lacks {_EVERYTHING}",
            f"/storage/{storage}",
            "docs/how-to/drill-machines.md",
        )


def _unseen(what: str, path: str, page: str) -> ConfigurationError:
    return ConfigurationError(
        what, where=f"{path} of the cluster", remedy=f"Give the token's role that privilege on that path ({page})."
    )
