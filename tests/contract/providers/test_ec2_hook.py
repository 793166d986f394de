"""A service is at rest until each member's point in time is fixed, not until EC2 has copied it: the command line, Ansible, moto."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.contract.providers.proxmox import HOSTS
from tests.contract.providers.test_hook import HookedShop
from tests.support.moto_ec2 import SlowSnapshots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.contract.providers.ec2 import Ec2World
    from tests.contract.providers.proxmox import ProxmoxWorld

VOLUMES = 2 * len(HOSTS)


@pytest.fixture
def shop(ec2: Ec2World, proxmox: ProxmoxWorld, tmp_path: Path) -> HookedShop:
    made = HookedShop(proxmox, tmp_path)
    everywhere = made.inventory / "group_vars/all.yml"
    variables = yaml.safe_load(everywhere.read_text(encoding="utf-8"))
    variables["drillbook_providers"] = [
        {
            "name": proxmox.place.name, "kind": "ec2", "region": ec2.place.region, "endpoint": ec2.place.endpoint,
            "credentials_directory": str(ec2.place.credentials_directory),
        }
    ]  # fmt: skip
    everywhere.write_text(yaml.safe_dump(variables), encoding="utf-8")
    return made


def until(there: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 90
    while not there():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@pytest.mark.parametrize(("ends", "code"), [("completed", 0), ("error", 3)])
def test_the_service_goes_on_while_its_snapshots_are_completed(
    shop: HookedShop, ec2: Ec2World, monkeypatch: pytest.MonkeyPatch, ends: str, code: int
) -> None:
    slow = SlowSnapshots(monkeypatch)
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(shop.run, "create", "shop")
        try:
            until(lambda: len(slow.made) == VOLUMES or running.done(), "no snapshots were asked for")
            until(lambda: shop.says() == dict.fromkeys(HOSTS, "goes on") or running.done(), f"{shop.says()}")
            assert not running.done(), running.result()
            assert {snapshot.status for snapshot in slow.made} == {"pending"}
        finally:
            slow.end()
            slow.end(ends, only=0)
        ended, answer, said = running.result()
    left = ec2.client.describe_snapshots(Filters=[{"Name": "tag:drillbook:set", "Values": ["*"]}])["Snapshots"]
    assert ended == code, said
    if ends == "completed":
        assert (answer["state"], answer["quiesced"], len(left)) == ("whole", True, VOLUMES)
    else:
        assert "ended in error" in answer["error"]["message"]
        assert left == []
