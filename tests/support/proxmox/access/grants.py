"""Roles and grants as a client manages them."""

from __future__ import annotations

import re
from typing import Any

from tests.support.proxmox.access.identity import Identity, parse_identity
from tests.support.proxmox.access.privileges import normalise
from tests.support.proxmox.access.roles import BUILT_IN, PRIVILEGES
from tests.support.proxmox.calls import Call, handles
from tests.support.proxmox.errors import PveError, forbid, refuse_parameters
from tests.support.proxmox.formats import split_list
from tests.support.proxmox.state import Grant

_PATH = re.compile(
    r"^/(access(/(groups|realm)(/[^/]+)?)?|nodes(/[^/]+)?|pool(/[^/]+){0,3}|sdn(/(zones|fabrics)(/[^/]+){0,3})?"
    r"|storage(/[^/]+)?|vms(/[1-9][0-9]{2,8})?|mapping(/[^/]+){0,2})?$"
)


@handles("GET", "/access/roles")
def list_roles(call: Call) -> Any:
    """Return all roles."""
    built_in = [
        {"roleid": name, "privs": ",".join(sorted(privileges)), "special": 1} for name, privileges in BUILT_IN.items()
    ]
    return built_in + [
        {"roleid": name, "privs": ",".join(sorted(own)), "special": 0} for name, own in call.state.roles.items()
    ]


@handles("GET", "/access/roles/{roleid}")
def read_role(call: Call) -> Any:
    """Return a role's privileges."""
    name = str(call.get("roleid"))
    if name not in BUILT_IN and name not in call.state.roles:
        raise PveError(f"role '{name}' does not exist")
    return dict.fromkeys(sorted(BUILT_IN.get(name, ()) or call.state.roles.get(name, [])), 1)


@handles("POST", "/access/roles")
@handles("PUT", "/access/roles/{roleid}")
def define_role(call: Call) -> None:
    """Make or change a role."""
    name = str(call.get("roleid"))
    privileges = split_list(str(call.get("privs", "")))
    unknown = [privilege for privilege in privileges if privilege not in PRIVILEGES]
    if unknown:
        raise PveError(f"invalid privilege '{unknown[0]}'")
    if name.lower().startswith("pve"):
        raise refuse_parameters(roleid="cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
    if name in BUILT_IN:
        raise PveError(f"auto-generated role '{name}' cannot be modified")
    call.write("user.cfg")
    former = call.state.roles.get(name, []) if call.get("append") else []
    call.state.roles[name] = sorted({*former, *privileges})


@handles("DELETE", "/access/roles/{roleid}")
def delete_role(call: Call) -> None:
    """Remove a role."""
    name = str(call.get("roleid"))
    if name not in call.state.roles:
        raise PveError(f"role '{name}' does not exist")
    call.write("user.cfg")
    del call.state.roles[name]


@handles("GET", "/access/acl")
def list_grants(call: Call) -> Any:
    """Return the grants on paths that the caller may change or audit."""
    return [
        {
            "path": grant.path,
            "type": grant.kind,
            "ugid": grant.subject,
            "roleid": grant.role,
            "propagate": int(grant.propagate),
        }
        for grant in call.state.grants
        if call.may("/access", "Sys.Audit") or call.may(grant.path, "Permissions.Modify")
    ]


@handles("PUT", "/access/acl")
def change_grants(call: Call) -> None:
    """Grant or withdraw roles."""
    path = normalise(str(call.get("path")))
    if not _PATH.match(path):
        raise refuse_parameters(path=f"invalid ACL path '{call.get('path')}'")
    subjects = [
        (kind, name) for kind in ("user", "group", "token") for name in split_list(str(call.get(f"{kind}s", "")))
    ]
    if not subjects:
        raise refuse_parameters(users="either 'users', 'groups' or 'tokens' is required.")
    call.write("user.cfg")
    for role in split_list(str(call.get("roles"))):
        if role not in BUILT_IN and role not in call.state.roles:
            raise PveError(f"role '{role}' does not exist")
        for kind, name in subjects:
            _check_subject(call, kind, name)
            same = (path, kind, name, role)
            call.state.grants = [
                grant for grant in call.state.grants if (grant.path, grant.kind, grant.subject, grant.role) != same
            ]
            if not call.get("delete"):
                call.state.grants.append(Grant(path, kind, name, role, bool(call.get("propagate", 1))))


def _check_subject(call: Call, kind: str, name: str) -> None:
    identity = parse_identity(name)
    if kind in {"user", "token"} and identity.user not in call.state.users:
        raise PveError(f"user '{identity.user}' does not exist")
    if kind == "token" and identity.token not in call.state.users[identity.user].tokens:
        raise PveError(f"no such token '{identity.token}' for user '{identity.user}'")
    if kind == "group" and name not in call.state.groups:
        raise PveError(f"group '{name}' does not exist")


@handles("GET", "/access/permissions")
def effective(call: Call) -> Any:
    """Return the privileges that somebody has, by path; without a path, on those that grants name and on the pools' members."""
    who = parse_identity(str(call.get("userid"))) if call.get("userid") else call.who
    if who.user != call.who.user and not call.may("/access", "Sys.Audit"):
        raise forbid("/access, Sys.Audit")
    if call.get("path"):
        return {normalise(str(call.get("path"))): _flags(call, who, normalise(str(call.get("path"))))}
    paths = ["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"]
    paths += [grant.path for grant in call.state.grants]
    for pool in call.state.pools.values():
        paths += [f"/vms/{vmid}" for vmid in pool.vms] + [f"/storage/{name}" for name in pool.storages]
    return {path: flags for path in dict.fromkeys(paths) if (flags := _flags(call, who, path))}


def _flags(call: Call, who: Identity, path: str) -> dict[str, int]:
    below = call.engine.privileges.of(who, f"{path.rstrip('/')}/0")
    return {
        privilege: int(privilege in below or path.startswith(("/vms/", "/storage/", "/pool/")))
        for privilege in sorted(call.engine.privileges.of(who, path))
    }
