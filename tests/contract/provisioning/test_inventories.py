"""The example inventories work: their hosts are in the right groups, what is there has its address, and drillbook accepts them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.contract.provisioning.controller import ROOT
from tests.support.proxmox import add_machine
from tests.support.proxmox.state import Pool

from drillbook.config import Configuration, Inventory, configuration, read_inventory
from drillbook.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.contract.provisioning.conftest import Cluster, Region
    from tests.contract.provisioning.controller import Controller

DATABASES = ["db1", "db2", "db3"]


def _groups(found: Mapping[str, Mapping[str, list[str]]]) -> dict[str, set[str]]:
    return {name: set(group.get("hosts", [])) for name, group in found.items() if name != "_meta"}


def test_proxmox(cluster: Cluster) -> None:
    state = cluster.server.state
    for vmid, name, tags in (
        (102, "db2", "drillbook;postgresql_main;etcd_main;pgbouncer"),
        (150, "spare", "drillbook;load_balancers"),
        # A drill's copy has the tags of what it was made of, and must never join production.
        (9001, "drill-db2", "drillbook;postgresql_main"),
        (151, "stranger", "postgresql_main"),
    ):
        add_machine(state, vmid, "pve2", "ceph", name=name, tags=tags, ipconfig0="ip=192.0.2.99/24,gw=192.0.2.1")
        state.pools["production"].vms.append(vmid)
    found = cluster.controller.hosts()
    groups = _groups(found)
    assert groups["postgresql_main"] == groups["etcd_main"] == groups["pgbouncer"] == set(DATABASES)
    assert groups["load_balancers"] == {"lb1", "spare"}
    assert groups["sandbox"] == {"sandbox1"}
    assert groups["webservers_shop"] == {"shop-web1", "shop-web2"}
    assert "postgresql_main" in found["postgresql"]["children"]
    assert not {"drill-db2", "stranger", "debian-13"} & set(found["_meta"]["hostvars"])


def test_aws(region: Region) -> None:
    subnet = region.client.describe_subnets()["Subnets"][0]["SubnetId"]
    image = region.client.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    for name, tags in (("spare", {"drillbook": "provision", "Groups": "load_balancers"}), ("stranger", {})):
        region.client.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            TagSpecifications=[
                {
                    "ResourceType": "instance",
                    "Tags": [{"Key": key, "Value": value} for key, value in {"Name": name, **tags}.items()],
                }
            ],
        )
    found = region.controller.hosts()
    groups = _groups(found)
    assert groups["postgresql_main"] == set(DATABASES)
    assert groups["load_balancers"] == {"lb1", "spare"}
    assert groups["webservers_shop"] == {"shop-web1", "shop-web2"}
    assert "stranger" not in found["_meta"]["hostvars"]


def _read(controller: Controller) -> Configuration:
    """As drillbook reads it: with what belongs to a group kept with the group."""
    done = controller.command("ansible-inventory", "-i", str(controller.inventory), "--list", "--export", merged=False)
    return configuration(Inventory.parse(json.loads(done.output)))


def test_drillbook_knows_the_address_of_each_host(cluster: Cluster, region: Region) -> None:
    """Those that are declared, and those that only the provider knows: a drill tries them all (`spare` is of the tests above)."""
    on_proxmox, on_ec2 = _read(cluster.controller).addresses, _read(region.controller).addresses
    assert (on_proxmox["db2"], on_proxmox["spare"]) == ("192.0.2.12", "192.0.2.99")
    assert (on_ec2["db2"], on_ec2["spare"]) == ("10.0.1.12", region.instances()["spare"]["PrivateIpAddress"])
    assert None not in {*on_proxmox.values(), *on_ec2.values()}


@pytest.mark.parametrize("name", ["proxmox", "aws"])
def test_drillbook_accepts_them(name: str, request: pytest.FixtureRequest) -> None:
    found = _read(request.getfixturevalue({"proxmox": "cluster", "aws": "region"}[name]).controller)
    assert {drill.name for drill in found.drills} == {"postgresql-latest", "postgresql-oldest", "shop-latest"}
    assert [sandbox.host for sandbox in found.sandboxes] == ["sandbox1"]
    (place,) = [found.provider(found.machine_group(found.service("shop").group).provider)]
    assert place.drill is not None
    assert set(found.service("shop").hosts) == {"shop-web1", "shop-web2"}
    assert set(found.service("main").hosts) == set(DATABASES)


def test_a_nested_pool_in_sight_is_named_with_the_way_around_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plug-in asks for each pool by a call that Proxmox VE does not have for those."""
    for name in ("ANSIBLE_VAULT_PASSWORD_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, cluster.controller.environment[name])
    state, source = cluster.server.state, cluster.controller.inventory
    assert cluster.server.control.invalid() == []
    state.pools["production/shop"] = Pool("production/shop")
    try:
        with pytest.raises(ConfigurationError) as caught:
            read_inventory([source], root=cluster.controller.home)
        found = read_inventory([source / "hosts.yml"], root=cluster.controller.home)
    finally:
        del state.pools["production/shop"]
        cluster.server.control.forget_served()  # the plug-in's call is one that the schema does not know
    assert "GET /pools/production/shop" in caught.value.message
    assert f"-i {source / 'hosts.yml'}" in caught.value.remedy
    assert set(found.hosts_of("webservers_shop")) == {"shop-web1", "shop-web2"}
    assert configuration(found).service("shop").group == "webservers_shop"


def test_no_credential_is_part_of_an_example() -> None:
    assert not list((ROOT / "inventories").rglob("vault*.yml"))
