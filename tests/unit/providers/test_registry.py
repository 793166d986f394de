"""Which place offers what, and how a place is told to another process."""

import json
import sys
from pathlib import Path
from typing import get_args

import pytest
from tests.unit.world import FakeClock

from drillbook.errors import ConfigurationError
from drillbook.providers import Place, open_backups, open_recoveries, open_restores, open_snapshots, registry
from drillbook.providers.ec2.place import Ec2Place
from drillbook.providers.ec2.snapshots import Ec2Snapshots
from drillbook.providers.lab.backups import LabBackups
from drillbook.providers.lab.place import LabDrillRange, LabPlace
from drillbook.providers.lab.recoveries import LabRecoveries
from drillbook.providers.lab.restores import LabRestores
from drillbook.providers.place import read_place
from drillbook.providers.proxmox.place import ProxmoxDrillRange, ProxmoxPlace

LAB = LabPlace(
    name="lab", kind="lab", prefix="t", containers_conf=Path("/none"), drill=LabDrillRange(network="t-sandbox")
)
EC2 = Ec2Place(name="aws", kind="ec2", region="eu-central-1")
PROXMOX = ProxmoxPlace(
    name="cluster",
    kind="proxmox",
    host="pve1",
    tokens_directory=Path("/none"),
    drill=ProxmoxDrillRange(
        first_vmid=900,
        last_vmid=910,
        pool="drill",
        node="pve1",
        storage="local",
        bridge="drill0",
        backup_storage="pbs",
    ),
)


def test_each_kind_of_place_has_openers() -> None:
    kinds = {get_args(place.model_fields["kind"].annotation)[0] for place in get_args(get_args(Place)[0])}
    assert kinds == set(registry._OPENERS)


def test_a_place_is_opened_by_its_vendor() -> None:
    clock = FakeClock()
    assert isinstance(open_snapshots(EC2, clock), Ec2Snapshots)
    assert isinstance(open_backups(LAB, clock), LabBackups)
    assert isinstance(open_restores(LAB, clock), LabRestores)
    assert isinstance(open_recoveries(LAB, clock), LabRecoveries)


def test_what_a_vendor_has_not_is_refused_by_name() -> None:
    with pytest.raises(
        ConfigurationError, match="this provider has no restores in place: aws is of kind ec2"
    ) as refused:
        open_recoveries(EC2, FakeClock())
    assert refused.value.where == "drillbook_providers, aws"


def test_a_place_without_a_range_makes_no_drill() -> None:
    with pytest.raises(ConfigurationError, match="this provider has no range for drills"):
        open_restores(EC2, FakeClock())


@pytest.mark.parametrize(("place", "library"), [(PROXMOX, "proxmoxer"), (PROXMOX, "requests"), (EC2, "boto3")])
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    place: Place, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith(f"drillbook.providers.{place.kind}.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ConfigurationError, match=f"the provider {place.name} .* needs the Python library {library}"
    ) as refused:
        open_backups(place, FakeClock())
    assert refused.value.exit_code == 2
    assert refused.value.remedy == f"Install it: {sys.executable} -m pip install 'drillbook[{place.kind}]'"


def test_a_module_of_our_own_that_is_missing_is_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._OPENERS, "lab", "drillbook.providers.nothing")
    with pytest.raises(ModuleNotFoundError, match=r"drillbook\.providers\.nothing"):
        open_backups(LAB, FakeClock())


@pytest.mark.parametrize("place", [LAB, EC2, PROXMOX], ids=lambda place: str(place.kind))
def test_a_place_comes_back_from_text_as_it_was(place: Place) -> None:
    assert read_place(json.loads(json.dumps(place.model_dump(mode="json")))) == place
