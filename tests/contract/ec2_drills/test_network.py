"""Whatever leads out of the drill's subnet, or into it, is named before anything is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.ec2_drills.world import RULES, documented, documented_endpoint_policy
from tests.support.ec2_drills import DRILLS

from drillbook.errors import RefusedError
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.endpoints import admits_anybody, reads_only
from drillbook.providers.ec2.drill.network import refuse_unless_isolated
from drillbook.providers.ec2.place import Ec2SandboxImage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.ec2_drills.world import Ec2DrillWorld
    from tests.contract.machine_drills.driver import Driver


def table(world: Ec2DrillWorld, *, own: bool) -> str:
    """The subnet's own route table, or the main one of its VPC."""
    if own:
        made = world.client.create_route_table(VpcId=world.vpc)["RouteTable"]["RouteTableId"]
        world.client.associate_route_table(RouteTableId=made, SubnetId=world.subnet)
        return str(made)
    filters = [{"Name": "vpc-id", "Values": [world.vpc]}, {"Name": "association.main", "Values": ["true"]}]
    return str(world.client.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])


def route(world: Ec2DrillWorld, *, own: bool) -> None:
    gateway = world.client.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    world.client.attach_internet_gateway(InternetGatewayId=gateway, VpcId=world.vpc)
    world.client.create_route(RouteTableId=table(world, own=own), DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def peering(world: Ec2DrillWorld) -> None:
    made = world.client.create_vpc_peering_connection(VpcId=world.vpc, PeerVpcId=world.production_vpc)
    world.client.create_route(
        RouteTableId=table(world, own=True),
        DestinationCidrBlock="10.0.0.0/16",
        VpcPeeringConnectionId=made["VpcPeeringConnection"]["VpcPeeringConnectionId"],
    )


def gateway_endpoint(world: Ec2DrillWorld) -> None:
    world.client.create_vpc_endpoint(
        VpcId=world.vpc,
        ServiceName="com.amazonaws.eu-central-1.s3",
        RouteTableIds=[table(world, own=True)],
        VpcEndpointType="Gateway",
    )


def firewall_endpoint(world: Ec2DrillWorld) -> None:
    """A load balancer's endpoint in front of a firewall leads anywhere."""
    made = world.client.create_vpc_endpoint(
        VpcId=world.vpc, ServiceName="com.example.firewall", VpcEndpointType="GatewayLoadBalancer"
    )
    world.client.create_route(
        RouteTableId=table(world, own=True),
        DestinationCidrBlock="0.0.0.0/0",
        VpcEndpointId=made["VpcEndpoint"]["VpcEndpointId"],
    )


def public_addresses(world: Ec2DrillWorld) -> None:
    world.client.modify_subnet_attribute(SubnetId=world.subnet, MapPublicIpOnLaunch={"Value": True})


def endpoint_group_of_an_instance(world: Ec2DrillWorld) -> None:
    world.client.create_network_interface(SubnetId=world.subnet, Groups=[world.endpoints])


def endpoint_elsewhere(world: Ec2DrillWorld) -> None:
    made = world.client.create_network_interface(SubnetId=world.production_subnet, Groups=[world.endpoints])
    world.backend.enis[made["NetworkInterface"]["NetworkInterfaceId"]].interface_type = "vpc_endpoint"


def endpoint_of_nobody(world: Ec2DrillWorld) -> None:
    """Its card is there, and it belongs to an account that is not asked."""
    card = world.client.create_network_interface(SubnetId=world.subnet, Groups=[world.endpoints])["NetworkInterface"]
    world.backend.enis[card["NetworkInterfaceId"]].interface_type = "vpc_endpoint"


def endpoint_with_the_drills_group(world: Ec2DrillWorld) -> None:
    """In another subnet, and reached all the same: the drill's group leads to itself."""
    made = world.client.create_subnet(VpcId=world.vpc, CidrBlock="10.9.2.0/24")["Subnet"]["SubnetId"]
    world.add_endpoint("sqs", SubnetIds=[made], SecurityGroupIds=[world.group])


def endpoint(world: Ec2DrillWorld, service: str, **parameters: Any) -> None:
    """One more, in the drill's subnet."""
    world.add_endpoint(service, **parameters)


def group_of_nothing(world: Ec2DrillWorld) -> None:
    made = world.client.create_security_group(GroupName="shop", Description="shop", VpcId=world.vpc)["GroupId"]
    world.let_out(UserIdGroupPairs=[{"GroupId": made}])


def out(**targets: Any) -> Callable[[Ec2DrillWorld], None]:
    return lambda world: world.let_out(**targets)


def into(**sources: Any) -> Callable[[Ec2DrillWorld], None]:
    return lambda world: world.let_in(**sources)


WIDE: dict[str, tuple[Callable[[Ec2DrillWorld], None], str]] = {
    "a route in the subnet's table": (lambda world: route(world, own=True), "routes 0.0.0.0/0 to igw-"),
    "a route in the main table": (lambda world: route(world, own=False), "routes 0.0.0.0/0 to igw-"),
    "a peering": (peering, "routes 10.0.0.0/16 to pcx-"),
    "a gateway endpoint": (gateway_endpoint, "routes pl-"),
    "an endpoint in front of anything": (firewall_endpoint, "routes 0.0.0.0/0 to vpce-"),
    "public addresses": (public_addresses, "gives public addresses"),
    "out to the internet": (out(IpRanges=[{"CidrIp": "0.0.0.0/0"}]), "leads to 0.0.0.0/0"),
    "out to all of the VPC": (out(IpRanges=[{"CidrIp": "10.9.0.0/16"}]), "leads to 10.9.0.0/16"),
    "out by IPv6": (out(Ipv6Ranges=[{"CidrIpv6": "::/0"}]), "leads to ::/0"),
    "out to a prefix list": (out(PrefixListIds=[{"PrefixListId": "pl-6ea54007"}]), "leads to pl-6ea54007"),
    "out to a group of nothing": (group_of_nothing, "leads to sg-"),
    "the endpoints' group on another card": (endpoint_group_of_an_instance, "leads to sg-"),
    "an endpoint in another subnet": (endpoint_elsewhere, "leads to sg-"),
    "an endpoint that can't be seen": (endpoint_of_nobody, "leads to sg-"),
    "an endpoint of another service": (lambda world: endpoint(world, "s3"), "com.amazonaws.eu-central-1.s3 is in it"),
    "an endpoint of an own service": (
        lambda world: endpoint(world, "", ServiceName="com.amazonaws.vpce.eu-central-1.vpce-svc-1"),
        "vpce-svc-1 is in it",
    ),
    "an endpoint of another region's": (
        lambda world: endpoint(world, "", ServiceName="com.amazonaws.eu-west-1.ssm"),
        "com.amazonaws.eu-west-1.ssm is in it",
    ),
    "an endpoint with the drill's group elsewhere": (
        endpoint_with_the_drills_group,
        "com.amazonaws.eu-central-1.sqs is",
    ),
    "an endpoint with its default policy": (
        lambda world: endpoint(world, "ssm", PolicyDocument=""),
        "com.amazonaws.eu-central-1.ssm has a policy that names no role",
    ),
    "in from everywhere": (into(IpRanges=[{"CidrIp": "0.0.0.0/0"}]), "lets in 0.0.0.0/0"),
    "in from production": (into(IpRanges=[{"CidrIp": "10.0.1.0/24"}]), "lets in 10.0.1.0/24"),
}


def look(world: Ec2DrillWorld) -> None:
    refuse_unless_isolated(Ec2Api(world.place, "drill.json"), world.range())


@pytest.mark.parametrize("what", WIDE)
def test_what_is_wider_is_named(world: Ec2DrillWorld, what: str) -> None:
    look(world)
    widen, said = WIDE[what]
    widen(world)
    with pytest.raises(RefusedError, match="the drill's network is not isolated") as refusal:
        look(world)
    assert said in refusal.value.message


def test_an_endpoint_that_is_not_reached_is_nobodys_business(world: Ec2DrillWorld) -> None:
    other = world.client.create_subnet(VpcId=world.vpc, CidrBlock="10.9.2.0/24")["Subnet"]["SubnetId"]
    other_group = world.client.create_security_group(GroupName="x", Description="x", VpcId=world.vpc)["GroupId"]
    world.add_endpoint("s3", SubnetIds=[other], SecurityGroupIds=[other_group])
    gone = world.add_endpoint("sqs", SecurityGroupIds=[other_group])
    world.backend.vpc_end_points[gone].state = "Deleted"
    look(world)
    world.backend.vpc_end_points[gone].state = "available"
    world.backend.vpc_end_points[gone].subnet_ids = [world.subnet]
    with pytest.raises(RefusedError, match=f"the endpoint {gone} of "):
        look(world)


ROLE = "arn:aws:iam::111122223333:role/drillbook-drill"
ALLOW = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


def policy(**statement: Any) -> str:
    return json.dumps({"Statement": [{**ALLOW, **statement}]})


def condition(how: str, value: object, key: str = "aws:PrincipalArn") -> str:
    return policy(Condition={how: {key: value}})


@pytest.mark.parametrize(
    "document",
    [
        json.dumps({"Statement": json.loads(documented_endpoint_policy())}),
        json.dumps({"Statement": {**ALLOW, "Condition": {"ArnEquals": {"aws:PrincipalArn": ROLE}}}}),
        condition("StringEquals", [ROLE]),
        condition("ArnLike", ROLE, "AWS:principalArn"),
        policy(Principal={"AWS": ROLE}),
        policy(Effect="Deny"),
        json.dumps({"Statement": []}),
    ],
)
def test_a_policy_that_names_its_roles_admits_no_other(document: str) -> None:
    assert admits_anybody(document) is False


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        policy(),
        policy(Action="ssm:*"),
        policy(Principal={"AWS": "*"}),
        policy(Principal={"AWS": ["*", ROLE]}),
        policy(Principal={"AWS": "arn:aws:iam::111122223333:root"}),
        policy(Principal={"AWS": ROLE, "Service": "ec2.amazonaws.com"}),
        condition("StringEquals", "vpc-1", "aws:SourceVpc"),
        condition("ArnLike", "arn:aws:iam::111122223333:role/*"),
        condition("ArnLike", [ROLE, "*"]),
        condition("ArnNotEquals", ROLE),
        condition("ArnEqualsIfExists", ROLE),
        condition("ArnEquals", []),
        json.dumps({"Statement": [{**ALLOW, "Principal": {"AWS": ROLE}}, ALLOW]}),
    ],
)
def test_any_other_policy_does(document: str | None) -> None:
    assert admits_anybody(document) is True


def test_a_drill_makes_nothing_in_a_network_that_is_open(world: Ec2DrillWorld, driver: Driver) -> None:
    """It is seen at the gate, which preflight passes through, too; and again before each restore."""
    public_addresses(world)
    outcome = driver.run()
    assert "the drill's network is not isolated" in outcome.record["error"]["message"]
    assert outcome.record["tracks"][0]["phases"] == [], "no disaster was declared"
    restores = world.restores()
    (backup,) = restores.backups(("shop-db",), RULES)
    with pytest.raises(RefusedError, match="the drill's network is not isolated"):
        restores.restore(restores.claim("shop-db", "run", ()), backup, world.limit)
    assert (DRILLS.of("CreateNetworkInterface"), DRILLS.of("RunInstances"), world.left()) == ([], [], set())


READER = json.loads(documented("ReadBackups"))
READING = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::repository/*"}


def store_policy(**more: object) -> str:
    return json.dumps({"Statement": [{**READING, **more}]})


@pytest.mark.parametrize(
    "document",
    [
        json.dumps({"Statement": READER}),
        store_policy(),
        store_policy(Action=["s3:Get*", "s3:ListBucket"], Resource=["arn:aws:s3:::a-b.c", "arn:aws:s3:::abc/x/*"]),
        store_policy(Effect="Deny", Action="*", Resource="*"),
        json.dumps({"Statement": READING}),
    ],
)
def test_a_policy_that_only_reads_from_named_buckets(document: str) -> None:
    assert reads_only(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "{",
        "[]",
        "{}",
        store_policy(Action="*"),
        store_policy(Action="s3:*"),
        store_policy(Action="s3:PutObject"),
        store_policy(Action=["s3:GetObject", "s3:DeleteObject"]),
        store_policy(Action="s3:Get*,s3:PutObject"),
        store_policy(Resource="*"),
        store_policy(Resource="arn:aws:s3:::*"),
        store_policy(Resource=["arn:aws:s3:::repository/*", "arn:aws:s3:::*/x"]),
        json.dumps(
            {"Statement": [{"Effect": "Allow", "Principal": "*", "NotAction": "s3:PutObject", "Resource": "x"}]}
        ),
        json.dumps({"Statement": [READING, {**READING, "Action": "s3:PutObject"}]}),
    ],
)
def test_any_other_policy_of_the_store_s_endpoint_allows_more(document: str | None) -> None:
    assert not reads_only(document)


def with_store(world: Ec2DrillWorld, endpoint: str) -> None:
    drill = world.range()
    image = Ec2SandboxImage(image="ami-1", public_key_file=world.keys / "k.pub", store_endpoint=endpoint)
    refuse_unless_isolated(Ec2Api(world.place, "drill.json"), drill.model_copy(update={"sandboxes": image}))


def test_the_store_s_endpoint_is_let_by_where_it_is_declared_and_only_reads(world: Ec2DrillWorld) -> None:
    endpoint = world.add_endpoint("s3", PolicyDocument=json.dumps({"Statement": READER}))
    with_store(world, endpoint)
    for undeclared in ("", "vpce-0"):
        with pytest.raises(RefusedError, match=f"the endpoint {endpoint} of com.amazonaws.eu-central-1.s3 is in it"):
            with_store(world, undeclared)
    wide = world.add_endpoint("s3", PolicyDocument=store_policy(Action="s3:*"))
    with pytest.raises(RefusedError, match=f"{wide} .* allows more than to read from buckets that it names"):
        with_store(world, wide)
    other = world.add_endpoint("dynamodb")
    with pytest.raises(RefusedError, match=f"{other} .* is not S3's"):
        with_store(world, other)
