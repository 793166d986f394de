"""Copy a small secret file from a host to the controller; its content is in no result, and nobody else can read it."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700


class ActionModule(ActionBase):
    """ansible.builtin.fetch, but the file is 0600 whatever the umask, and a changed one is replaced at once."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _VALID_ARGS = frozenset({"src", "dest"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return `changed` and `dest`, never the content."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        source, dest = self._task.args.get("src"), self._task.args.get("dest")
        if not source or not dest:
            raise AnsibleActionFail("fetch_secret needs src (on the host) and dest (on the controller)")
        answer = self._execute_module(
            module_name="ansible.builtin.slurp", module_args={"src": source}, task_vars=task_vars
        )
        if answer.get("failed"):
            raise AnsibleActionFail(f"{source} could not be read: {answer.get('msg', 'no reason given')}")
        content = base64.b64decode(answer["content"])
        target = Path(dest).expanduser()
        changed = not _is_as_wanted(target, content)
        if changed and not self._task.check_mode:
            _replace(target, content)
        result.update(changed=changed, dest=str(target))
        return result


def _is_as_wanted(target: Path, content: bytes) -> bool:
    return target.is_file() and target.stat().st_mode & 0o777 == FILE_MODE and target.read_bytes() == content


def _replace(target: Path, content: bytes) -> None:
    target.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    # mkstemp makes the file 0600.
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
