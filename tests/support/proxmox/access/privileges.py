"""Which privileges somebody has on a path: grants, propagation, pools and the cut of a separated token."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support.proxmox.access.identity import Identity
from tests.support.proxmox.access.roles import BUILT_IN, privileges_of
from tests.support.proxmox.state import Grant, State


class Privileges:
    """Answers what an identity may do, from the state as it is now."""

    def __init__(self, state: State) -> None:
        self._state = state

    def of(self, who: Identity, path: str) -> frozenset[str]:
        """Return the privileges on one path."""
        if who.is_root:
            return frozenset(BUILT_IN["Administrator"])
        token = self._token_separates(who)
        if who.token and not token:
            return self.of(Identity(who.user), path)
        roles = self._roles(who, path)
        for pool in self._pools_above(path):
            inherited = self._roles(who, f"/pool/{pool}")
            roles = roles | (inherited if "NoAccess" not in roles else set())
        own = frozenset[str]().union(
            *(privileges_of(role, self._state.roles) for role in roles if "NoAccess" not in roles)
        )
        return own & self.of(Identity(who.user), path) if token else own

    def allows(
        self, who: Identity, path: str, privileges: list[str] | tuple[str, ...], *, any_of: bool = False
    ) -> bool:
        """Say whether the identity has all (or any) of the privileges on the path."""
        has = self.of(who, path)
        return any(name in has for name in privileges) if any_of else all(name in has for name in privileges)

    def _token_separates(self, who: Identity) -> bool:
        user = self._state.users.get(who.user)
        token = user.tokens.get(who.token) if user and who.token else None
        return bool(token and token.privsep)

    def _pools_above(self, path: str) -> list[str]:
        """Return the pool that a guest or storage lies in, and the pools above that one."""
        parts = path.strip("/").split("/")
        if len(parts) != 2 or parts[0] not in {"vms", "storage"}:
            return []
        for pool in self._state.pools.values():
            if (parts[0] == "vms" and parts[1].isdigit() and int(parts[1]) in pool.vms) or (
                parts[0] == "storage" and parts[1] in pool.storages
            ):
                return [pool.name]
        return []

    def _roles(self, who: Identity, path: str) -> set[str]:
        """Walk down from the root: the deepest level that grants something replaces what came from above."""
        roles: set[str] = set()
        for level in _levels(path):
            here = [grant for grant in self._state.grants if grant.path == level and (grant.propagate or level == path)]
            found = self._most_specific(who, here)
            if found:
                roles = found
        return {"NoAccess"} if "NoAccess" in roles else roles

    def _most_specific(self, who: Identity, grants: list[Grant]) -> set[str]:
        if who.token:
            return {grant.role for grant in grants if grant.kind == "token" and grant.subject == who.full}
        own = {grant.role for grant in grants if grant.kind == "user" and grant.subject == who.user}
        user = self._state.users.get(who.user)
        groups = user.groups if user else []
        return own or {grant.role for grant in grants if grant.kind == "group" and grant.subject in groups}


def normalise(path: str) -> str:
    """Write an access path without doubled or trailing slashes."""
    return "/" + "/".join(part for part in path.split("/") if part)


def _levels(path: str) -> Iterator[str]:
    yield "/"
    parts = [part for part in path.split("/") if part]
    for depth in range(1, len(parts) + 1):
        yield "/" + "/".join(parts[:depth])
