"""Have users on a Ceph RGW whose keys the gateway made, and store the keys on the host; no result holds a key."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: object_store_users
short_description: Users of a Ceph RGW
description:
  - Runs radosgw-admin on the gateway's host. The gateway makes access and secret key; they are read back inside the
    module and written to a file per user (0600, root), so that they are in no argument list, no output and no result.
options:
  users:
    description: The users that must be there. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Id of the user.
        type: str
        required: true
      display_name:
        description: Who that is.
        type: str
        required: true
      max_buckets:
        description: How many buckets the user may make; -1 for none.
        type: int
        required: true
      operations:
        description: Kinds of request that the gateway takes from the user at all.
        type: list
        elements: str
        choices: [read, write, delete]
        required: true
  credentials_directory:
    description: Directory on the host for <name>.json with access_key and secret_key.
    type: path
    required: true
  rotate:
    description: >-
      Users that are given a second key, which their file holds from then on. The first one stays valid until it is
      retired. A user with two keys is refused.
    type: list
    elements: str
    default: []
  retire:
    description: Users who lose every key but the one in their file.
    type: list
    elements: str
    default: []
author: drillbook
"""

RETURN = """
made:
  description: Users that were made.
  type: list
  elements: str
  returned: always
corrected:
  description: Users whose limits were set again.
  type: list
  elements: str
  returned: always
written:
  description: Users whose file of keys was written.
  type: list
  elements: str
  returned: always
retired:
  description: Users who lost the keys that their file does not hold.
  type: list
  elements: str
  returned: always
"""

RADOSGW_ADMIN = "/usr/bin/radosgw-admin"
# What radosgw-admin says when it does not know the user; its exit status (22) says less.
NO_SUCH_USER = "no user info saved"


class Users:
    """The users of one gateway, through radosgw-admin."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._directory = Path(module.params["credentials_directory"])
        self.made: list[str] = []
        self.corrected: list[str] = []
        self.written: list[str] = []
        self.retired: list[str] = []

    def ensure(self, wanted: dict[str, Any]) -> None:
        """Make or correct one user and store its key."""
        name = wanted["name"]
        present = self._info(name)
        if present is None:
            self.made.append(name)
            if self._module.check_mode:
                return
            present = self._admin("create", wanted)
        elif _limits(present) != (wanted["max_buckets"], set(wanted["operations"])):
            self.corrected.append(name)
            if not self._module.check_mode:
                present = self._admin("modify", wanted)
        self._store(name, self._chosen(name, present["keys"]))

    def _chosen(self, name: str, keys: list[dict[str, str]]) -> dict[str, str]:
        """Return the key that the file shall hold: the one that it holds, unless the user is given another one now.

        The gateway tells keys without their age, so which of two is the newer one is known only when it is made.
        """
        if not keys:
            self._module.fail_json(msg=f"The user {name} has no key: run radosgw-admin key create --uid={name}")
        held = self._held(name)
        kept = next((key for key in keys if key["access_key"] == held), None)
        if name in self._module.params["rotate"]:
            return self._rotated(name, keys)
        if name in self._module.params["retire"] and len(keys) > 1:
            if kept is None:
                self._module.fail_json(
                    msg=f"{self._directory / f'{name}.json'} holds none of the keys of {name}, so none is retired. "
                    "Run the role without object_store_retire_keys first: it stores one of them."
                )
            self._retire(name, [key for key in keys if key is not kept])
        return kept or keys[0]

    def _rotated(self, name: str, keys: list[dict[str, str]]) -> dict[str, str]:
        if len(keys) > 1:
            self._module.fail_json(
                msg=f"{name} has {len(keys)} keys already: run the role with object_store_retire_keys for this user "
                "first. It removes those that nobody was given."
            )
        if self._module.check_mode:
            self.written.append(name)
            return keys[0]
        known = {key["access_key"] for key in keys}
        command = ["key", "create", f"--uid={name}", "--key-type=s3", "--gen-access-key", "--gen-secret"]
        made = [key for key in self._run(name, command)["keys"] if key["access_key"] not in known]
        if len(made) != 1:
            self._module.fail_json(
                msg=f"radosgw-admin key create made {len(made)} keys for {name} where one was meant."
            )
        return made[0]

    def _retire(self, name: str, keys: list[dict[str, str]]) -> None:
        self.retired.append(name)
        for key in () if self._module.check_mode else keys:
            self._run(name, ["key", "rm", f"--uid={name}", "--key-type=s3", f"--access-key={key['access_key']}"])

    def _held(self, name: str) -> str:
        """Return the access key in the user's file; empty where there is no file, or another one."""
        try:
            return str(json.loads((self._directory / f"{name}.json").read_text())["access_key"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _info(self, name: str) -> dict[str, Any] | None:
        code, output, error = self._module.run_command([RADOSGW_ADMIN, "user", "info", f"--uid={name}"])
        if code == 0:
            return _parsed(output)
        if NO_SUCH_USER in error:
            return None
        self._module.fail_json(msg=f"radosgw-admin could not look up the user {name} (exit {code}): {error.strip()}")
        return None

    def _admin(self, verb: str, wanted: dict[str, Any]) -> dict[str, Any]:
        command = [
            "user",
            verb,
            f"--uid={wanted['name']}",
            f"--display-name={wanted['display_name']}",
            f"--max-buckets={wanted['max_buckets']}",
            f"--op-mask={','.join(wanted['operations'])}",
        ]
        return self._run(wanted["name"], command)

    def _run(self, name: str, command: list[str]) -> dict[str, Any]:
        """Return the user as radosgw-admin answers, which holds the keys."""
        code, output, error = self._module.run_command([RADOSGW_ADMIN, *command])
        if code != 0:
            self._module.fail_json(
                msg=f"radosgw-admin {' '.join(command[:2])} failed for {name} (exit {code}): {error.strip()}"
            )
        return _parsed(output)

    def _store(self, name: str, key: dict[str, str]) -> None:
        content = json.dumps({"access_key": key["access_key"], "secret_key": key["secret_key"]}) + "\n"
        target = self._directory / f"{name}.json"
        if target.is_file() and target.read_text() == content and target.stat().st_mode & 0o777 == 0o600:
            return
        self.written.append(name)
        if self._module.check_mode:
            return
        # mkstemp makes the file 0600 and a rename keeps that; atomic_move would give a new file the mode of the umask.
        descriptor, temporary = tempfile.mkstemp(dir=self._directory, prefix=f".{name}.")
        with os.fdopen(descriptor, "w") as stream:
            stream.write(content)
        Path(temporary).replace(target)


def _limits(info: dict[str, Any]) -> tuple[int, set[str]]:
    mask = {word.strip() for word in info["op_mask"].split(",")}
    return int(info["max_buckets"]), mask - {""}


def _parsed(output: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(output)
    return result


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "display_name": {"type": "str", "required": True},
                    "max_buckets": {"type": "int", "required": True},
                    "operations": {
                        "type": "list",
                        "elements": "str",
                        "choices": ["read", "write", "delete"],
                        "required": True,
                    },
                },
            },
            "credentials_directory": {"type": "path", "required": True},
            "rotate": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "retire": {"type": "list", "elements": "str", "default": [], "no_log": False},
        },
        supports_check_mode=True,
    )
    users = Users(module)
    for wanted in module.params["users"]:
        users.ensure(wanted)
    module.exit_json(
        changed=bool(users.made or users.corrected or users.written or users.retired),
        made=users.made,
        corrected=users.corrected,
        written=users.written,
        retired=users.retired,
    )


if __name__ == "__main__":
    main()
