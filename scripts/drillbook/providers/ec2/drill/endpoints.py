"""VPC endpoints that a drill's machines reach: through one that admits anybody, the keys on a restored disk work on production."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_SERVICES = ("ssm", "ssmmessages", "ec2messages")
_GONE = frozenset({"deleted", "rejected", "failed", "expired"})
_ONE_ROLE = re.compile(r"arn:[^:*?]+:iam::[0-9]+:role/[^*?]+")
_READING = re.compile(r"s3:(?:Get|List)[A-Za-z]*\*?")
_IN_A_BUCKET = re.compile(r"arn:[^:*?]+:s3:::[a-z0-9][a-z0-9.-]+(?:/.*)?")
_COMPARISONS = frozenset({"arnequals", "arnlike", "stringequals", "stringlike"})


def wide_endpoints(
    endpoints: list[Mapping[str, Any]], subnet: Mapping[str, Any], group: str, region: str, store: str = ""
) -> Iterator[str]:
    """Say of each endpoint in the subnet, or with the drill's group, what makes it a way out.

    ``store`` is the id of the one through which sandbox hosts read backups from S3, "" where there is none.
    """
    known = {f"com.amazonaws.{region}.{service}" for service in _SERVICES}
    for endpoint in endpoints:
        if not _reached(endpoint, subnet, group):
            continue
        name = f"the endpoint {endpoint['VpcEndpointId']} of {endpoint['ServiceName']}"
        if store and endpoint["VpcEndpointId"] == store:
            if endpoint["ServiceName"] != f"com.amazonaws.{region}.s3":
                yield f"{name} is not S3's"
            elif not reads_only(endpoint.get("PolicyDocument")):
                yield f"{name} has a policy that allows more than to read from buckets that it names"
        elif endpoint["ServiceName"] not in known:
            yield f"{name} is in it"
        elif admits_anybody(endpoint.get("PolicyDocument")):
            yield f"{name} has a policy that names no role"


def _reached(endpoint: Mapping[str, Any], subnet: Mapping[str, Any], group: str) -> bool:
    """Gateway endpoints have no card: routes lead to them, which are looked at as such."""
    groups = {str(one["GroupId"]) for one in endpoint.get("Groups", ())}
    return str(endpoint["State"]).lower() not in _GONE and (
        subnet["SubnetId"] in endpoint.get("SubnetIds", ()) or group in groups
    )


def admits_anybody(document: str | None) -> bool:
    """Whether a statement allows something to callers other than roles that it names; so does what can't be read."""
    try:
        statements = json.loads(document or "")["Statement"]
        return any(one["Effect"] != "Deny" and not _names_roles(one) for one in _listed(statements))
    except (ValueError, KeyError, TypeError, AttributeError):
        return True


def reads_only(document: str | None) -> bool:
    """Whether all that a policy allows is to read from buckets that it names; what can't be read allows more."""
    try:
        statements = _listed(json.loads(document or "")["Statement"])
        return all(one["Effect"] == "Deny" or _reads(one) for one in statements)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _reads(statement: Mapping[str, Any]) -> bool:
    return all(_READING.fullmatch(str(one)) for one in _listed(statement["Action"])) and all(
        _IN_A_BUCKET.fullmatch(str(one)) for one in _listed(statement["Resource"])
    )


def _names_roles(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, dict) and set(principal) == {"AWS"} and _are_roles(principal["AWS"]):
        return True
    return any(
        how.lower() in _COMPARISONS and key.lower() == "aws:principalarn" and _are_roles(values)
        for how, wanted in statement.get("Condition", {}).items()
        for key, values in wanted.items()
    )


def _are_roles(values: Any) -> bool:
    listed = _listed(values)
    return bool(listed) and all(_ONE_ROLE.fullmatch(str(one)) for one in listed)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
