"""Which vendor has which ability: one that lost its method would not be missed, only never be asked for."""

import pytest

from drillbook.providers import (
    Doubtful,
    Freezing,
    HostSettings,
    LateSnapshots,
    LimitedCredential,
    LiveRestores,
    LockExplaining,
    OwnInterface,
    PartialBackups,
    Pools,
    PowerReading,
)
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.restores import Ec2Restores
from drillbook.providers.ec2.sandboxes import Ec2Sandboxes
from drillbook.providers.ec2.snapshots import Ec2Snapshots
from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.recoveries import LabRecoveries
from drillbook.providers.lab.restores import LabRestores
from drillbook.providers.lab.sandboxes import LabSandboxes
from drillbook.providers.lab.snapshots import LabSnapshots
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.recoveries import ProxmoxRecoveries
from drillbook.providers.proxmox.restores import ProxmoxRestores
from drillbook.providers.proxmox.sandboxes import ProxmoxSandboxes
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots

ABILITIES = (
    Doubtful,
    Freezing,
    HostSettings,
    LateSnapshots,
    LimitedCredential,
    LiveRestores,
    LockExplaining,
    OwnInterface,
    PartialBackups,
    Pools,
    PowerReading,
)


@pytest.mark.parametrize(
    ("provider", "abilities"),
    [
        (ProxmoxSnapshots, {Freezing, LockExplaining, PowerReading}),
        (ProxmoxBackups, {LockExplaining}),
        (ProxmoxRestores, {HostSettings, LimitedCredential, LiveRestores, OwnInterface}),
        (ProxmoxSandboxes, {LimitedCredential}),
        (ProxmoxRecoveries, {Doubtful, PartialBackups, Pools}),
        (Ec2Snapshots, {LateSnapshots}),
        (Ec2Backups, set()),
        (Ec2Restores, {LimitedCredential, LiveRestores}),
        (Ec2Sandboxes, {LimitedCredential}),
        (LabSnapshots, {Freezing}),
        (LabBackups, set()),
        (LabRestores, set()),
        (LabSandboxes, set()),
        (LabRecoveries, set()),
    ],
)
def test_a_provider_has_these_abilities_and_no_others(provider: type, abilities: set[type]) -> None:
    assert {ability for ability in ABILITIES if issubclass(provider, ability)} == abilities
