"""Whether a drill's subnet, its security group and its VPC's endpoints are isolated, as EC2 describes them."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from drillbook.errors import RefusedError
from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.drill.endpoints import wide_endpoints
from drillbook.providers.ec2.place import Ec2DrillRange

_NO_TARGETS = frozenset({"DestinationPrefixListId", "InstanceOwnerId"})


def refuse_unless_isolated(api: Ec2Api, drill: Ec2DrillRange) -> None:
    """Raise RefusedError that names everything which leads out of the subnet or into it.

    Beyond Systems Manager's endpoints that is all but the one by which sandbox hosts read from S3, where it is declared.
    """
    store = drill.sandboxes.store_endpoint if drill.sandboxes else ""
    subnet = api.pages("describe_subnets", "Subnets", SubnetIds=[drill.subnet])[0]
    group = api.pages("describe_security_groups", "SecurityGroups", GroupIds=[drill.security_group])[0]
    in_its_vpc = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
    endpoints = api.pages("describe_vpc_endpoints", "VpcEndpoints", Filters=in_its_vpc)
    wide = [
        *_of_subnet(subnet),
        *_of_routes(api, subnet),
        *_of_group(api, group, subnet, endpoints),
        *wide_endpoints(endpoints, subnet, drill.security_group, api.region, store),
    ]
    if wide:
        raise RefusedError(
            f"the drill's network is not isolated: {'; '.join(wide)}",
            where=f"{drill.subnet}, {drill.security_group}",
            remedy="Close it (docs/how-to/drill-machines.md); nothing was made.",
        )


def _of_subnet(subnet: Mapping[str, Any]) -> Iterator[str]:
    for key, what in (("MapPublicIpOnLaunch", "public"), ("AssignIpv6AddressOnCreation", "IPv6")):
        if subnet.get(key):
            yield f"{subnet['SubnetId']} gives {what} addresses"


def _of_routes(api: Ec2Api, subnet: Mapping[str, Any]) -> Iterator[str]:
    own = [{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}]
    main = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}, {"Name": "association.main", "Values": ["true"]}]
    tables = api.pages("describe_route_tables", "RouteTables", Filters=own) or api.pages(
        "describe_route_tables", "RouteTables", Filters=main
    )
    if not tables:
        yield f"no route table of {subnet['SubnetId']} can be seen"
    for table in tables:
        for route in table["Routes"]:
            targets = {
                str(value)
                for key, value in route.items()
                if key.endswith(("Id", "Arn")) and key not in _NO_TARGETS and value
            }
            if targets != {"local"}:
                yield f"{table['RouteTableId']} routes {_destination(route)} to {', '.join(sorted(targets)) or 'something'}"


def _destination(route: Mapping[str, Any]) -> str:
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return next((str(route[key]) for key in keys if route.get(key)), "something")


def _of_group(
    api: Ec2Api, group: Mapping[str, Any], subnet: Mapping[str, Any], endpoints: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    cards = {str(card) for endpoint in endpoints for card in endpoint.get("NetworkInterfaceIds", ())}
    of_endpoints: dict[str, bool] = {}
    for key, how in (("IpPermissionsEgress", "leads to"), ("IpPermissions", "lets in")):
        for permission in group.get(key, ()):
            for target in _targets(permission):
                if target == group["GroupId"] or _inside(target, subnet):
                    continue
                if target.startswith("sg-"):
                    if target not in of_endpoints:
                        of_endpoints[target] = _is_of_endpoints(api, target, subnet, cards)
                    if of_endpoints[target]:
                        continue
                yield f"{group['GroupId']} {how} {target}"


def _targets(permission: Mapping[str, Any]) -> Iterator[str]:
    for entries, key in (
        ("UserIdGroupPairs", "GroupId"),
        ("IpRanges", "CidrIp"),
        ("Ipv6Ranges", "CidrIpv6"),
        ("PrefixListIds", "PrefixListId"),
    ):
        for entry in permission.get(entries, ()):
            yield str(entry[key])


def _inside(target: str, subnet: Mapping[str, Any]) -> bool:
    try:
        inner, outer = ip_network(target), ip_network(subnet["CidrBlock"])
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]  # both are of one version


def _is_of_endpoints(api: Ec2Api, group: str, subnet: Mapping[str, Any], cards: Collection[str]) -> bool:
    """Whether only cards of known VPC endpoints in this very subnet have the group; one that nothing has may be given to anything."""
    filters = [{"Name": "group-id", "Values": [group]}]
    found = api.pages("describe_network_interfaces", "NetworkInterfaces", Filters=filters)
    return bool(found) and all(
        one["NetworkInterfaceId"] in cards and one["SubnetId"] == subnet["SubnetId"] for one in found
    )
