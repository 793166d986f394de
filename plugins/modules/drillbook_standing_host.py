"""Claim a standing sandbox host for a run, and bring it back to what it was."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.drillbook.platform.plugins.module_utils import host_files, host_services

DOCUMENTATION = """
module: drillbook_standing_host
short_description: Claim a standing sandbox host for a run, and bring it back to what it was
description:
  - A claim is a file that names the run. It is refused where another run has one, and where the host holds somebody's data or serves
    others. What is on the host then is written down first.
  - A release stops and removes what came since, puts F(/etc) back, and proves that nothing differs. Packages that came go, too; those
    that were there stay. Until the proof is whole, the claim stands.
  - Needs root, systemd and dpkg.
options:
  state:
    description: C(claimed) or C(released). In check mode it is said whether the host could be claimed, and nothing changes.
    type: str
    choices: [claimed, released]
    required: true
  run_id:
    description: The run that claims it, or whose claim ends.
    type: str
    required: true
  data_paths:
    description: Folders that hold no file while the host is free.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports that the host may serve while it is free.
    type: list
    elements: int
    default: [22]
  directory:
    description: Where the claim and what was there before are kept.
    type: str
    default: /var/lib/drillbook/sandbox
author: drillbook
"""

RETURN = """
holder:
  description: The run that had a claim before; empty where none had.
  type: str
  returned: always
removed:
  description: Paths that were new and are gone, the outermost of each.
  type: list
  returned: on release
put_back:
  description: Paths below F(/etc) that were gone or differed.
  type: list
  returned: on release
purged:
  description: Packages that came and are gone.
  type: list
  returned: on release
reason:
  description: Why it failed - C(held), C(in_use), C(not_clean) or C(cannot).
  type: str
  returned: on failure
"""

SHOWN = 10


class Host:
    """The host, and the claim on it."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._run = module.run_command
        self._directory = Path(module.params["directory"])
        self._claim = self._directory / "claim.json"
        self._before = self._directory / "before.json"
        self._archive = self._directory / "etc.tar"

    def holder(self) -> str:
        """The run that has it; "" where none has."""
        try:
            return str(json.loads(self._claim.read_text(encoding="utf-8"))["run_id"])
        except FileNotFoundError:
            return ""
        except (ValueError, KeyError, TypeError):
            return "unknown (its claim can't be read)"

    def is_written_down(self) -> bool:
        """Whether what was here before the claim is known whole: nothing is made until then."""
        return self._before.exists()

    def use(self) -> list[str]:
        """Sentences that say who else needs this host."""
        allowed = {str(port) for port in self._module.params["ports"]}
        served = [one for one in host_services.listening(self._run) if one.rpartition(":")[2] not in allowed]
        said = [f"it serves others at {one}" for one in served]
        for path in self._module.params["data_paths"]:
            held = next((f"{folder}/{files[0]}" for folder, _, files in os.walk(path) if files), None)
            said += [f"{path} holds data: {held}"] if held else []
        return said

    def claim(self) -> None:
        """Take it: the claim first, so that no other can, and then what is here before anything comes.

        A claim of the same run that was broken off is gone on with.
        """
        os.umask(0o077)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        if not self.holder():
            self._take()
        host_files.keep(self._archive)
        before = {"files": host_files.manifest(), "services": host_services.read(self._run)}
        unfinished = self._before.with_suffix(".new")
        unfinished.write_text(json.dumps(before), encoding="utf-8")
        unfinished.rename(self._before)

    def _take(self) -> None:
        written = self._directory / f"claim.{self._module.params['run_id']}"
        said = {"run_id": self._module.params["run_id"], "claimed_at": datetime.now(UTC).isoformat()}
        written.write_text(json.dumps(said), encoding="utf-8")
        try:
            # Whole or not at all, and never over another's.
            self._claim.hardlink_to(written)
        except FileExistsError:
            self._module.fail_json(msg=f"it is held by run {self.holder()}", reason="held")
        finally:
            written.unlink()

    def release(self) -> dict[str, list[str]]:
        """Bring back what was here, prove that, and let go. Where that was not yet written down whole, nothing was made."""
        done: dict[str, list[str]] = {"removed": [], "put_back": [], "purged": []}
        if self._before.exists():
            before = json.loads(self._before.read_text(encoding="utf-8"))
            mounts = set(host_services.mounts()) - set(before["services"]["mounts"])
            # What is mounted may be somebody's data: it is not removed as something new.
            self._refuse([f"{path} is mounted, and was not" for path in sorted(mounts)])
            host_services.stop(self._run, before["services"])
            done["purged"] = host_services.purge(self._run, before["services"])
            new, spoilt = host_files.difference(before["files"], host_files.manifest())
            host_files.put_back(self._archive, new, spoilt)
            host_services.restart(self._run, before["services"])
            done.update(removed=new, put_back=spoilt)
            self._prove(before)
        shutil.rmtree(self._directory)
        with suppress(OSError):
            self._directory.parent.rmdir()  # it holds something else
        return done

    def _prove(self, before: dict[str, Any]) -> None:
        new, spoilt = host_files.difference(before["files"], host_files.manifest())
        said = host_services.difference(before["services"], host_services.read(self._run))
        self._refuse([*said, *(f"{path} came" for path in new), *(f"{path} differs" for path in spoilt)])

    def _refuse(self, said: list[str]) -> None:
        if said:
            more = f", and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
            self._module.fail_json(msg=f"it is not what it was: {'; '.join(said[:SHOWN])}{more}", reason="not_clean")


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["claimed", "released"], "required": True},
            "run_id": {"type": "str", "required": True},
            "data_paths": {"type": "list", "elements": "str", "default": []},
            "ports": {"type": "list", "elements": "int", "default": [22]},
            "directory": {"type": "str", "default": "/var/lib/drillbook/sandbox"},
        },
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(msg="it needs root: give the host ansible_become", reason="cannot")
    host = Host(module)
    holder, mine = host.holder(), module.params["run_id"]
    if module.params["state"] == "released":
        # On a host that another run holds this one has nothing.
        if holder != mine or module.check_mode:
            module.exit_json(changed=holder == mine, holder=holder)
        module.exit_json(changed=True, holder=holder, **host.release())
    if holder not in ("", mine):
        module.fail_json(msg=f"it is held by run {holder}", reason="held", holder=holder)
    if holder and host.is_written_down():
        module.exit_json(changed=False, holder=holder)
    said = host.use()
    if said:
        module.fail_json(msg="; ".join(said), reason="in_use")
    if not module.check_mode:
        host.claim()
    module.exit_json(changed=True, holder=holder)


if __name__ == "__main__":
    main()
