"""Users of an etcd cluster, the keys that each may use, and whether anybody else may use any."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.drillbook.platform.plugins.module_utils.etcd import (
    ROOT,
    TLS_ARGUMENTS,
    Etcd,
    EtcdError,
    key_range,
)

DOCUMENTATION = """
module: etcd_access
short_description: Users of etcd, and what each may read and write
description:
  - Without authentication every client whose certificate etcd's authority has signed may read and write all keys.
  - Makes the user C(root) and the users that are named, each with a role of its name for its prefixes alone. Users of no name here stay.
  - Speaks with the JSON gateway. Passwords are in no argument list and in no result.
options:
  root_password:
    description: Password of the user C(root).
    type: str
    required: true
  former_root_password:
    description: The one that it has still, where it is to be changed.
    type: str
  users:
    description: The users that must be there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user, and of its role.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
      prefixes:
        description: Keys that begin like this are the user's to read and write; no others.
        type: list
        elements: str
        required: true
  enforced:
    description:
      - Whether authentication is switched on. It is never switched off.
      - With V(false) it is so only where etcd holds no key yet. Nobody is shut out there, and Patroni 4.0 can't start with a password
        that etcd does not ask for.
    type: bool
    default: true
extends_documentation_fragment: drillbook.platform.etcd
author: drillbook
"""

RETURN = """
done:
  description: What was changed, in words without a secret.
  type: list
  elements: str
  returned: always
enforced:
  description: Whether authentication is on.
  type: bool
  returned: always
"""

READ_AND_WRITE = "READWRITE"
EVERY_KEY = "AA=="
"""A zero byte in base64: as first key and as end it is every key there is (etcd's API reference, RangeRequest)."""


class Access:
    """Brings users, roles and authentication to what is wanted."""

    def __init__(self, etcd: Etcd, done: list[str], *, dry: bool) -> None:
        """``done`` gets what was changed, in words."""
        self._etcd = etcd
        self._dry = dry
        self._done = done

    def ensure(self, wanted: dict[str, Any]) -> bool:
        """Do what is missing; returns whether authentication is on in the end."""
        on = self._log_in(wanted["root_password"], wanted["former_root_password"])
        users = set(self._etcd.call("/auth/user/list").get("users", ()))
        roles = set(self._etcd.call("/auth/role/list").get("roles", ()))
        self._user(ROOT, wanted["root_password"], users, on=on)
        if ROOT not in roles:
            self._act(f"role {ROOT} made", "/auth/role/add", name=ROOT)
        self._grant(ROOT, users)
        for user in wanted["users"]:
            self._user(user["name"], user["password"], users, on=on)
            self._role(user["name"], user["prefixes"], roles)
            self._grant(user["name"], users)
        if on or not (wanted["enforced"] or self._holds_nothing()):
            return on
        self._act("authentication switched on", "/auth/enable")
        return True

    def _holds_nothing(self) -> bool:
        """Asked without a login, so only while authentication is off."""
        return (
            int(self._etcd.call("/kv/range", key=EVERY_KEY, range_end=EVERY_KEY, count_only=True).get("count", 0)) == 0
        )

    def _log_in(self, password: str, former: str | None) -> bool:
        known = self._etcd.knows(ROOT, password)
        if known is False and former:
            known = self._etcd.knows(ROOT, former)
            if known:
                self._act(f"password of {ROOT} changed", "/auth/user/changepw", name=ROOT, password=password)
                if not self._dry:
                    self._etcd.forget()
                    known = self._etcd.knows(ROOT, password)
        if known is False:
            message = (
                "etcd does not take the password of root. Give the one that it has (etcd_root_password); to change it, give that as "
                "etcd_former_root_password beside the new one"
            )
            raise EtcdError(message)
        return bool(known)

    def _user(self, name: str, password: str, users: set[str], *, on: bool) -> None:
        """While authentication is off no password can be tried, so it is set again: then it is right when it is switched on."""
        if name not in users:
            self._act(f"user {name} made", "/auth/user/add", name=name, password=password)
        elif not on or (name != ROOT and not self._etcd.knows(name, password)):
            self._act(f"password of {name} set", "/auth/user/changepw", name=name, password=password)

    def _role(self, name: str, prefixes: list[str], roles: set[str]) -> None:
        there: list[dict[str, str]] = []
        if name in roles:
            there = self._etcd.call("/auth/role/get", role=name).get("perm", [])
        else:
            self._act(f"role {name} made", "/auth/role/add", name=name)
        wanted = {key_range(prefix) for prefix in prefixes}
        granted = {(one["key"], one.get("range_end", "")) for one in there if one.get("permType") == READ_AND_WRITE}
        for one in there:
            ends = (one["key"], one.get("range_end", ""))
            if ends not in wanted or one.get("permType") != READ_AND_WRITE:
                self._act(
                    f"a permission of {name} taken back", "/auth/role/revoke", role=name, key=ends[0], range_end=ends[1]
                )
        for key, behind in sorted(wanted - granted):
            permission = {"permType": READ_AND_WRITE, "key": key, "range_end": behind}
            self._act(f"a prefix given to {name}", "/auth/role/grant", name=name, perm=permission)

    def _grant(self, name: str, users: set[str]) -> None:
        """Its own role, and no other."""
        has = self._etcd.call("/auth/user/get", name=name).get("roles", []) if name in users else []
        for other in has:
            if other != name:
                self._act(f"role {other} taken from {name}", "/auth/user/revoke", name=name, role=other)
        if name not in has:
            self._act(f"role {name} given to its user", "/auth/user/grant", user=name, role=name)

    def _act(self, what: str, path: str, **body: Any) -> None:
        self._done.append(what)
        if not self._dry:
            self._etcd.call(path, **body)


def main() -> None:
    """Do it, and answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            **TLS_ARGUMENTS,
            "root_password": {"type": "str", "required": True, "no_log": True},
            "former_root_password": {"type": "str", "no_log": True},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "prefixes": {"type": "list", "elements": "str", "required": True},
                },
            },
            "enforced": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    done: list[str] = []
    try:
        access = Access(Etcd(wanted), done, dry=module.check_mode)
        on = access.ensure(wanted)
    except EtcdError as error:
        module.fail_json(msg=f"etcd: {error}", done=done)
    module.exit_json(changed=bool(done), done=done, enforced=on)


if __name__ == "__main__":
    main()
