"""Who may do what, as the policies of IAM say it: enough of it to judge what drillbook's drills ask for.

Judged are ``Allow`` statements with ``Action``, ``Resource`` and the conditions ``StringEquals`` and ``StringLike``, on the tags of what is there,
the tags given in the request, the creating action, and the service a role is passed to. Not judged are ``Deny``, ``Not...``, boundaries, organisations'
policies, and which resources AWS looks at beyond those listed here: an action that is not listed is an error of the test.
A key without a policy may do everything.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ssm.exceptions import SSMException

Policy = list[dict[str, Any]]
_KINDS = {
    "i": "instance",
    "eni": "network-interface",
    "vol": "volume",
    "snap": "snapshot",
    "ami": "image",
    "subnet": "subnet",
    "sg": "security-group",
}
_OF_NOBODY = ("image", "snapshot")
"""Kinds whose names have no account in them."""
_UPON = {
    "TerminateInstances": "InstanceIds",
    "StopInstances": "InstanceIds",
    "RebootInstances": "InstanceIds",
    "ModifyInstanceAttribute": "InstanceId",
    "CreateImage": "InstanceId",
    "CreateSnapshot": "VolumeId",
    "DeleteVolume": "VolumeId",
    "DetachVolume": "VolumeId",
    "DeleteNetworkInterface": "NetworkInterfaceId",
    "ModifyNetworkInterfaceAttribute": "NetworkInterfaceId",
    "DeregisterImage": "ImageId",
    "DeleteSnapshot": "SnapshotId",
    "AuthorizeSecurityGroupEgress": "GroupId",
    "CreateTags": "Resources",
}
"""What is named by which parameter, for actions on what is there."""


@dataclass(frozen=True)
class Request:
    """One thing that has to be allowed."""

    action: str
    resource: str
    context: Mapping[str, str]


@dataclass
class Rights:
    """The policies by access key, and the role of each instance profile."""

    policies: dict[str, Policy] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def refusal(self, response: Any) -> EC2ClientError | SSMException | None:
        """What AWS would answer to a call that the caller may not make; None where it may."""
        policy = self.policies.get(response.access_key)
        if policy is None:
            return None
        denied = next((one for one in self._needed(response) if not _allows(policy, one)), None)
        if denied is None:
            return None
        said = f"You are not authorized to perform this operation: {denied.action} on resource {denied.resource}"
        if denied.action.startswith("ssm:"):
            return SSMException("AccessDeniedException", said)
        return EC2ClientError("UnauthorizedOperation", said)

    def _needed(self, response: Any) -> Iterator[Request]:
        service = response.service_name or "ec2"
        action, get = response._get_action(), response._get_param
        if action.startswith("Describe") or action == "GetCommandInvocation":
            yield Request(f"{service}:{action}", "*", {})
        elif action == "SendCommand":
            yield Request("ssm:SendCommand", f"arn:aws:ssm:{response.region}::document/{get('DocumentName')}", {})
            for name in get("InstanceIds", []):
                tags = _tags(response, name)
                context = {f"ssm:resourceTag/{key}": value for key, value in tags.items()}
                yield Request("ssm:SendCommand", _arn(response, name), context)
        elif action == "CreateNetworkInterface":
            yield from _making(response, ("network-interface",))
            for name in (get("SubnetId"), *get("Groups", [])):
                yield _upon(response, action, name)
        elif action == "RunInstances":
            yield from self._running(response)
        else:
            names = get(_UPON[action])
            for name in names if isinstance(names, list) else [names]:
                yield _upon(response, action, name)

    def _running(self, response: Any) -> Iterator[Request]:
        get = response._get_param
        yield from _making(response, ("instance", "volume"))
        yield _upon(response, "RunInstances", get("ImageId"))
        profile = get("IamInstanceProfile.Name")
        if profile is not None:
            yield Request("iam:PassRole", self.roles[profile], {"iam:PassedToService": "ec2.amazonaws.com"})
        for card in get("NetworkInterfaces", []):
            if "NetworkInterfaceId" in card:
                there = response.ec2_backend.get_network_interface(card["NetworkInterfaceId"])
                names = [there.id, there.subnet.id, *(group.id for group in there.group_set)]
            else:
                yield Request("ec2:RunInstances", _arn(response, "eni-*"), _given(response, "network-interface"))
                names = [card["SubnetId"], *card.get("Groups", [])]
            for name in names:
                yield _upon(response, "RunInstances", name)


RIGHTS = Rights()


def _making(response: Any, kinds: tuple[str, ...]) -> Iterator[Request]:
    """New things, and the tags that they are given in the call that makes them."""
    action = response._get_action()
    short = {kind: prefix for prefix, kind in _KINDS.items()}
    for kind in kinds:
        yield Request(f"ec2:{action}", _arn(response, f"{short[kind]}-*"), _given(response, kind))
    for entry in response._get_param("TagSpecifications", []):
        kind = entry["ResourceType"]
        context = {"ec2:CreateAction": action, **_given(response, kind)}
        yield Request("ec2:CreateTags", _arn(response, f"{short[kind]}-*"), context)


def _given(response: Any, kind: str) -> dict[str, str]:
    return {
        f"aws:RequestTag/{tag['Key']}": tag["Value"]
        for entry in response._get_param("TagSpecifications", [])
        if entry["ResourceType"] == kind
        for tag in entry["Tags"]
    }


def _upon(response: Any, action: str, name: str) -> Request:
    tags = _tags(response, name)
    context = {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "ec2")}
    return Request(f"ec2:{action}", _arn(response, name), context)


def _arn(response: Any, name: str) -> str:
    kind = _KINDS[name.partition("-")[0]]
    account = "" if kind in _OF_NOBODY else response.current_account
    return f"arn:aws:ec2:{response.region}:{account}:{kind}/{name}"


def _tags(response: Any, name: str) -> dict[str, str]:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - moto itself imports it late

    backend = ec2_backends[response.current_account][response.region]
    return {tag["key"]: tag["value"] for tag in backend.describe_tags(filters={"resource-id": [name]})}


def _allows(policy: Policy, request: Request) -> bool:
    return any(_fits(statement, request) for statement in policy)


def _fits(statement: Mapping[str, Any], request: Request) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown or statement["Effect"] != "Allow":
        raise NotImplementedError(f"{statement.get('Effect')} with {sorted(unknown)} is not judged here")
    return (
        any(fnmatchcase(request.action.lower(), one.lower()) for one in _listed(statement["Action"]))
        and any(fnmatchcase(request.resource, one) for one in _listed(statement["Resource"]))
        and all(_met(how, wanted, request) for how, wanted in statement.get("Condition", {}).items())
    )


def _met(how: str, wanted: Mapping[str, Any], request: Request) -> bool:
    comparisons: dict[str, Callable[[str, str], bool]] = {"StringEquals": operator.eq, "StringLike": fnmatchcase}
    compare = comparisons[how]
    return all(
        any(compare(request.context[key], one) for one in _listed(values)) if key in request.context else False
        for key, values in wanted.items()
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
