"""The environment in which a benchmark starts Ansible."""

from __future__ import annotations

import os


def without_strategy() -> dict[str, str]:
    """This process's own, without what chooses a strategy of Ansible: ansible.cfg is plain ssh."""
    return {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_STRATEGY")}
