"""The only door to Ansible. ``runner`` is imported by ``app`` alone: it is slow to load."""

from drillbook.ansible.playbooks import (
    Order,
    PlaybookFailedError,
    Playbooks,
    StepTimeoutError,
    StoppedError,
    Watcher,
)

__all__ = ["Order", "PlaybookFailedError", "Playbooks", "StepTimeoutError", "StoppedError", "Watcher"]
