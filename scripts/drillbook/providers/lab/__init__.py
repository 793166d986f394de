"""The lab's own hosts: podman containers with systemd."""

from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.podman import Podman
from drillbook.providers.lab.recoveries import LabRecoveries
from drillbook.providers.lab.restores import LabRestores
from drillbook.providers.lab.snapshots import LabSnapshots

__all__ = ["LabBackups", "LabRecoveries", "LabRestores", "LabSnapshots", "Podman"]
