"""The lab's own inventory says what the lab is as a provider of machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drillbook.config import configuration, read_inventory
from drillbook.providers.lab.place import LabDrillRange, LabPlace

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parents[3]


def test_the_load_balancer_is_a_machine_of_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRILLBOOK_LAB", "other")
    found = configuration(read_inventory([ROOT / "inventories/lab"], root=ROOT))
    group = found.machine_group("load_balancers")
    place = found.provider(group.provider)
    assert isinstance(place, LabPlace)
    assert (place.prefix, place.containers_conf) == ("other", ROOT / ".lab/other/containers.conf")
    assert isinstance(place.drill, LabDrillRange)
    assert (place.drill.network, place.drill.control.endswith(".31:7480")) == ("other-sandbox", True)
    drill = found.drill("machines-latest")
    assert (drill.service.name, drill.service.kind.name, drill.service.hosts) == ("edge", "machines", group.hosts)
    assert group.backup is not None
    assert set(group.probes) <= set(group.hosts)
