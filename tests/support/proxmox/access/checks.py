"""The schema's `permissions` expressions, evaluated as pve-access-control does."""

from __future__ import annotations

import re
from typing import Any

from tests.support.proxmox.access.identity import Identity
from tests.support.proxmox.access.privileges import Privileges, normalise
from tests.support.proxmox.errors import PveError, forbid
from tests.support.proxmox.schema import Endpoint

# Who may change grants below a path, besides those with Permissions.Modify there.
_MODIFIERS = {"storage": "Datastore.Allocate", "vms": "VM.Allocate", "pool": "Pool.Allocate"}


class Checks:
    """Refuses a call that the caller has no permission for."""

    def __init__(self, privileges: Privileges, groups_of: Any) -> None:
        self._privileges = privileges
        self._groups_of = groups_of

    def endpoint(self, endpoint: Endpoint, who: Identity | None, parameters: dict[str, Any]) -> None:
        """Check a call by its endpoint's expression."""
        permissions = endpoint.permissions
        if permissions and permissions.get("user") == "world":
            return
        if who is None:
            raise forbid("user != null")
        if who.is_root:
            return
        if permissions is None:
            raise forbid("user != root@pam")
        if permissions.get("user") == "all":
            return
        if "check" not in permissions:
            raise forbid()
        self._evaluate(permissions["check"], who, parameters)

    def need(self, who: Identity, path: str, *privileges: str, any_of: bool = False) -> None:
        """Refuse where the privileges lack on the path."""
        path = normalise(path)
        has = self._privileges.of(who, path)
        lacking = [name for name in privileges if name not in has]
        if any_of and len(lacking) == len(privileges):
            raise forbid(f"{path}, {'|'.join(privileges)}")
        if not any_of and lacking:
            raise forbid(f"{path}, {lacking[0]}")

    def _evaluate(self, check: list[Any], who: Identity, parameters: dict[str, Any]) -> None:
        operator, *operands = check
        if operator == "and":
            for operand in operands:
                self._evaluate(operand, who, parameters)
        elif operator == "or":
            self._any(operands, who, parameters)
        elif operator == "perm":
            self._perm(operands, who, parameters)
        elif operator == "perm-modify":
            self._modify(fill(operands[0], parameters), who)
        elif operator == "userid-group":
            self._user_group(operands, who, parameters)
        elif operator == "userid-param":
            self._user_parameter(operands[0], who, parameters)
        else:
            raise PveError(f"unknown permission test '{operator}'")

    def _any(self, operands: list[Any], who: Identity, parameters: dict[str, Any]) -> None:
        for operand in operands:
            try:
                self._evaluate(operand, who, parameters)
            except PveError:
                continue
            return
        raise forbid()

    def _perm(self, operands: list[Any], who: Identity, parameters: dict[str, Any]) -> None:
        template, privileges, *rest = operands
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        if "require_param" in options and not parameters.get(options["require_param"]):
            raise forbid()
        self.need(who, fill(template, parameters), *privileges, any_of=bool(options.get("any")))

    def _modify(self, path: str, who: Identity) -> None:
        allowed = ["Permissions.Modify"]
        kind = path.strip("/").split("/")[0]
        if kind in _MODIFIERS and path.count("/") > 1:
            allowed.append(_MODIFIERS[kind])
        self.need(who, path, *allowed, any_of=True)

    def _user_group(self, operands: list[Any], who: Identity, parameters: dict[str, Any]) -> None:
        privileges = operands[0]
        groups = self._groups_of(parameters.get("userid", ""))
        if "groups_param" in operands and parameters.get("groups"):
            groups = str(parameters["groups"]).split(",")
            for group in groups:
                self.need(who, f"/access/groups/{group}", *privileges, any_of=True)
            return
        paths = ["/access/groups", *(f"/access/groups/{group}" for group in groups)]
        if not any(self._privileges.allows(who, path, privileges, any_of=True) for path in paths):
            raise forbid(f"/access/groups, {'|'.join(privileges)}")

    def _user_parameter(self, wanted: str, who: Identity, parameters: dict[str, Any]) -> None:
        user = str(parameters.get("userid", ""))
        if wanted == "self":
            if who.user != user or who.token:
                raise forbid()
        else:
            self.need(who, f"/access/realm/{user.rpartition('@')[2]}", wanted)


def fill(template: str, parameters: dict[str, Any]) -> str:
    """Put the call's parameters into a path template."""
    return normalise(re.sub(r"\{([^}]+)\}", lambda match: str(parameters.get(match[1], "")), template))
