"""Put the host key of a machine into ssh's file of known hosts, as the machine itself tells it by a way that nobody on the network has."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from drillbook.clock import SystemClock
from drillbook.errors import DrillbookError
from drillbook.known_hosts import forget, knows, names_in_file, pin, refuse_unwritable

if TYPE_CHECKING:
    from collections.abc import Mapping


class ActionModule(ActionBase):
    """Runs on the controller. Where nothing says how the key can be read, it only tells whether ssh knows the host."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"file", "machine", "names", "new", "port", "timeout_seconds", "proxmox", "ec2", "remedy"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return whether the file was changed, with the difference. In check mode nothing is read from a machine or written."""
        result = super().run(tmp, task_vars)
        asked = self._task.args
        try:
            result.update(_pinned(asked, check=bool(self._task.check_mode)))
        except DrillbookError as error:
            raise AnsibleActionFail(str(error)) from None  # Ansible would print the cause twice
        return result


def _pinned(asked: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    file = Path(str(asked["file"])).expanduser()
    refuse_unwritable(file)
    names = names_in_file([str(name) for name in asked.get("names") or ()], int(asked.get("port") or 22))
    if not names:
        return {"changed": False}
    # Whatever an earlier machine was known by, a new one does not have.
    forgotten = bool(asked.get("new")) and not check and forget(file, names)
    if not (asked.get("proxmox") or asked.get("ec2")):
        if knows(file, names[0]):
            return {"changed": forgotten}
        unknown = f"ssh does not know the host key of {asked['machine']}: {file} has no line for {names[0]}."
        return {"changed": forgotten, "warnings": [f"{unknown} {asked.get('remedy') or ''}".strip()]}
    key = "<its own key>" if check else _read(asked)
    changed = check or pin(file, names, key)
    after = f"{','.join(names)} {key}\n" if changed else ""
    return {"changed": changed, "diff": {"before": "", "after": after, "after_header": str(file)}}


def _read(asked: Mapping[str, Any]) -> str:
    """A controller has the libraries of its own provider alone."""
    timeout = timedelta(seconds=float(asked["timeout_seconds"]))
    if said := asked.get("proxmox"):
        from drillbook.providers.proxmox.api import api_of  # noqa: PLC0415 - see above
        from drillbook.providers.proxmox.host_key import await_told_host_key  # noqa: PLC0415 - see above

        api = api_of(said["access"])
        return await_told_host_key(
            api, SystemClock(), str(asked["machine"]), str(said["node"]), int(said["vmid"]), timeout
        )
    from drillbook.model import SshOptions  # noqa: PLC0415 - see above
    from drillbook.providers.ec2.host_key import await_own_host_key  # noqa: PLC0415 - see above

    said = asked["ec2"]
    ssh = SshOptions(**{name: str(value) for name, value in said["ssh"].items()})
    login = {name: str(said[name]) for name in ("address", "user", "first_key")}
    return await_own_host_key(str(asked["machine"]), login, ssh, SystemClock(), timeout)
