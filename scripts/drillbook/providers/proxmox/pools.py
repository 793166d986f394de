"""Which pools a credential is shown: Proxmox VE tells a guest's pool only to those who have Pool.Audit on it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from drillbook.providers.proxmox.api import ProxmoxApi
from drillbook.providers.proxmox.notes import NO_POOL
from drillbook.providers.proxmox.permissions import privileges_on

_POOLS = "/pool"
_AUDIT = "Pool.Audit"


class VisiblePools:
    """What the credential's own permissions say of pools. Each is read once; reading raises DrillbookError."""

    def __init__(self, api: ProxmoxApi) -> None:
        self._api = api
        self._shown: dict[str, bool] = {}

    def shows(self, pool: str) -> bool:
        """Whether the credential is shown which guests are in the pool; one call for a pool, by which rights from above count."""
        path = f"{_POOLS}/{pool}"
        if pool not in self._shown:
            self._shown[pool] = _AUDIT in privileges_on(self._api, path)
        return self._shown[pool]

    @property
    def unseen_as(self) -> str:
        """What a guest without a shown pool is: in none, where all pools are shown, and else unknown ("").

        A right counts for what is below it where it propagates (1), unless something is granted there: that takes its place.
        """
        everywhere = any((self._permissions.get(path) or {}).get(_AUDIT) for path in ("/", _POOLS))
        hidden = any(
            _AUDIT not in granted for path, granted in self._permissions.items() if path.startswith(f"{_POOLS}/")
        )
        return NO_POOL if everywhere and not hidden else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """One for each pool whose guests the credential may back up, and which it is not shown."""
        return tuple(
            f"WARN: it may be in the pool {path.removeprefix(_POOLS + '/')}, which the token is not shown: a machine restored from "
            f"this backup comes back outside of it. Give the token {_AUDIT} on {path} (docs/how-to/backups.md)."
            for path, granted in sorted(self._permissions.items())
            if path.startswith(f"{_POOLS}/") and "VM.Backup" in granted and _AUDIT not in granted
        )

    @cached_property
    def _permissions(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self._api.get("/access/permissions")
        return found
