"""What a drill meets in EC2, and moto's lacks: instances that hold an image's content, client tokens, late and lost answers.

`install` teaches it to moto's own classes, for the whole process; `DRILLS` says what goes wrong, and what was asked. What runs
inside the instances is in `ec2_agents`, who may do what in `ec2_rights`. Instances that really boot are in `guests`.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_network
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DryRunClientError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response
from moto.ssm.responses import SimpleSystemManagerResponse
from tests.support.ec2_rights import RIGHTS
from tests.support.moto_images import UNAVAILABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

IN_A_FILTER = 200
"""EC2 takes that many values in one filter."""
_LOCK = RLock()
_MARKER = "DryRun"


class Bodies(Protocol):
    """What instances really are where a test gave them more than records."""

    def power_on(self, instance: Any, user_data: str) -> None:
        """Have it boot, if it is to have a body."""
        ...

    def remove(self, instance: Any) -> None:
        """Destroy it."""
        ...


@dataclass
class Drills:
    """What goes wrong from now on, by operation, and what was asked: operation, parameters, and whether it was a dry run."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lose_answer: dict[str, int] = field(default_factory=dict)
    """So often it is done, and the answer is an error of the server."""
    throttle: dict[str, int] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=dict)
    """It is done so many seconds after it was asked for."""
    fail: dict[str, str] = field(default_factory=dict)
    """It is refused with this code."""
    late: float = 0.0
    """So many seconds after it was made a thing is in no list yet."""
    pending_cards: int = 0
    """So often a new network interface is shown as pending, and nothing can be run on it."""
    held_cards: int = 0
    """So often the network interfaces of an ended instance are still shown as attached to it."""
    before_dry_run: dict[str, str] = field(default_factory=dict)
    """A dry run that is allowed is refused with this code all the same."""
    ignores_dry_runs: bool = False
    starts: str = "running"
    """The state that new instances get into."""
    extra_card: Any = None
    """Called with each new instance: what somebody else does to it."""
    touch_card: Any = None
    """Called with each new network interface."""
    bodies: Bodies | None = None
    progress: list[int | None] = field(default_factory=list)
    """What EC2 says next of how far volumes are; the last one stays. None: it does not say."""

    def reset(self) -> None:
        """All is well again."""
        self.__init__()  # type: ignore[misc]  # the same object: moto's methods look at it

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of each time that this was asked for, dry runs left out."""
        return [parameters for name, parameters in self.asked if name == operation and _MARKER not in parameters]


DRILLS = Drills()


@cache
def install() -> None:
    """Replace what moto has."""
    for response in (EC2Response, SimpleSystemManagerResponse):
        # As a call of the class, because it is inherited by all of moto's services.
        response.call_action = _door(response.call_action)  # type: ignore[method-assign,assignment]
    EC2Response.run_instances = _run(EC2Response.run_instances)  # type: ignore[method-assign,assignment]
    EC2Response.create_network_interface = _once(EC2Response.create_network_interface)  # type: ignore[method-assign,assignment]
    EC2Response.terminate_instances = _terminate(EC2Response.terminate_instances)  # type: ignore[method-assign,assignment]
    EC2Response.describe_volume_status = _volume_status  # type: ignore[assignment,method-assign]
    for operation, key in (
        ("describe_instances", "Reservations"),
        ("describe_network_interfaces", "NetworkInterfaces"),
    ):
        setattr(EC2Response, operation, _shown(getattr(EC2Response, operation), key))
    EC2Backend.create_vpc_endpoint = _endpoint(EC2Backend.create_vpc_endpoint)  # type: ignore[method-assign]
    EC2Backend.create_snapshot = _snapshot(EC2Backend.create_snapshot)  # type: ignore[method-assign]


def files_of(thing: Any) -> dict[str, str]:
    """What is on a volume or in a snapshot: text by path."""
    found: dict[str, str] = thing.__dict__.setdefault("files", {})
    return found


def _door(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Every call comes by here: first the right to make it, then the dry run, then what goes wrong."""

    def call(self: Any) -> Any:
        operation = self._get_action()
        if self.service_name != "ssm" and any(len(one["Values"]) > IN_A_FILTER for one in _filters(self)):
            limit = f"The maximum number of filter values specified on a single call is {IN_A_FILTER}"
            return self.serialized(ActionResult(EC2ClientError("FilterLimitExceeded", limit)))
        DRILLS.asked.append((operation, json.loads(self.body) if self.service_name == "ssm" else self._get_params()))
        with _LOCK:
            refused = RIGHTS.refusal(self)
        if refused is not None:
            return self.serialized(ActionResult(refused))
        if self._get_param(_MARKER, False) and not DRILLS.ignores_dry_runs:
            said = DRILLS.before_dry_run.get(operation)
            return self.serialized(ActionResult(EC2ClientError(said, "so") if said else DryRunClientError()))
        if DRILLS.ignores_dry_runs:
            self.error_on_dryrun = lambda: None
        if operation in DRILLS.fail:
            return self.serialized(ActionResult(EC2ClientError(DRILLS.fail[operation], "as the test wants it")))
        if _next(DRILLS.throttle, operation):
            return self.serialized(ActionResult(EC2ClientError("RequestLimitExceeded", "Request limit exceeded.")))
        time.sleep(DRILLS.slow.get(operation, 0))
        with _LOCK:
            answer = original(self)
        return (503, {"status": 503}, UNAVAILABLE) if _next(DRILLS.lose_answer, operation) else answer

    return call


def _filters(self: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = self._get_param("Filters", [])
    return found


def _next(plan: dict[str, int], operation: str) -> bool:
    left = plan.get(operation, 0)
    plan[operation] = max(0, left - 1)
    return left > 0


def _former(self: Any) -> dict[str, Any]:
    found: dict[str, Any] = self.ec2_backend.__dict__.setdefault("drillbook_tokens", {})
    return found


def _once(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """Asked for again with the same client token, it is answered as the first time."""

    def make(self: Any) -> ActionResult:
        token = self._get_param("ClientToken")
        former = _former(self)
        if token is None or token not in former:
            answer = original(self)
            former[token] = answer
            card: Any = answer.result["NetworkInterface"]  # type: ignore[index]
            _give_free_address(self.ec2_backend, card)
            card.looks, card.status = DRILLS.pending_cards, "pending" if DRILLS.pending_cards else "available"
            _born(card)
            if DRILLS.touch_card is not None:
                DRILLS.touch_card(card)
        return former[token]  # type: ignore[no-any-return]

    return make


def _give_free_address(backend: Any, card: Any) -> None:
    """Moto takes any at random, now and then one that is taken; EC2 gives none twice, nor the first four of a subnet."""
    taken = {one.private_ip_address for one in backend.enis.values() if one is not card}
    hosts = islice(ip_network(card.subnet.cidr_block).hosts(), 3, None)
    card.private_ip_address = next(str(one) for one in hosts if str(one) not in taken)
    card.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": card.private_ip_address}]


def _run(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def run(self: Any) -> ActionResult:
        token = self._get_param("ClientToken")
        if token is not None and token in _former(self):
            return _former(self)[token]  # type: ignore[no-any-return]
        for card in self._get_param("NetworkInterfaces", []):
            made = card.get("NetworkInterfaceId")  # else it is made with the instance
            if made is not None and self.ec2_backend.get_network_interface(made).status == "pending":
                raise EC2ClientError("IncorrectState", "The network interface is pending.")
        image = self.ec2_backend.amis.get(self._get_param("ImageId"))
        if hasattr(image, "drives"):
            self._parse_block_device_mapping = lambda: _mapping(self, image)
        answer: Any = original(self)
        for instance in answer.result.instances:
            _born(instance)
            _furnish(self, instance, image)
        _former(self)[token] = answer
        return answer  # type: ignore[no-any-return]

    return run


def _mapping(self: Any, image: Any) -> list[dict[str, Any]]:
    """The image's own volumes, then new ones; what the request says counts, else only the root's volume dies with the instance."""
    said = {one["DeviceName"]: one["Ebs"] for one in self._get_param("BlockDeviceMappings", [])}
    own = [
        {
            "DeviceName": device,
            "Ebs": {
                "SnapshotId": snapshot.id,
                "VolumeSize": snapshot.volume.size,
                "DeleteOnTermination": device == "/dev/sda1",
                **said.get(device, {}),
            },
        }
        for device, snapshot in image.drives.items()
    ]
    return [*own, *({"DeviceName": device, "Ebs": disk} for device, disk in said.items() if device not in image.drives)]


def _furnish(self: Any, instance: Any, image: Any) -> None:
    backend = self.ec2_backend
    for device, block in instance.get_block_device_mapping:
        volume = backend.volumes[block.volume_id]
        _born(volume)
        if device in getattr(image, "drives", {}):
            volume.files = dict(files_of(image.drives[device]))
    if hasattr(image, "drives"):
        instance._state.name = DRILLS.starts
        if DRILLS.starts == "terminated":
            _end(instance)
            instance.state_reason.message = "Client.InternalError: Client error on launch"
        if DRILLS.extra_card is not None:
            DRILLS.extra_card(backend, instance)
        if DRILLS.bodies is not None:
            DRILLS.bodies.power_on(instance, b64decode(self._get_param("UserData", "")).decode())


def _terminate(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    """The network interfaces that were there before an instance stay when it ends, and are free."""

    def terminate(self: Any) -> ActionResult:
        answer = original(self)
        for identifier in self._get_param("InstanceIds", []):
            instance = self.ec2_backend.get_instance(identifier)
            _free_cards(instance)
            if DRILLS.bodies is not None:
                DRILLS.bodies.remove(instance)
        return answer

    return terminate


def _end(instance: Any) -> None:
    instance.terminate()
    _free_cards(instance)


def _free_cards(instance: Any) -> None:
    """The ended instance goes on to show them: moto can't tell of one without any."""
    for card in instance.nics.values():
        card.looks, card.status = DRILLS.held_cards, "detaching"
        _look(card)


def _snapshot(original: Callable[..., Any]) -> Callable[..., Any]:
    def take(self: Any, volume_id: str, *names: Any, **parameters: Any) -> Any:
        made = original(self, volume_id, *names, **parameters)
        made.files = dict(files_of(self.volumes[volume_id]))
        return made

    return take


def _endpoint(original: Callable[..., Any]) -> Callable[..., Any]:
    """Its cards are known as such, have an address of their subnet, and its groups."""

    def make(self: Any, **parameters: Any) -> Any:
        made = original(self, **parameters)
        for identifier in made.network_interface_ids:
            card = self.enis[identifier]
            card.interface_type = "vpc_endpoint"
            card._group_set = [self.get_security_group_from_id(group) for group in made.security_group_ids]
            _give_free_address(self, card)
        return made

    return make


def _volume_status(self: Any) -> ActionResult:
    done = DRILLS.progress[0] if DRILLS.progress else 100
    if len(DRILLS.progress) > 1:
        DRILLS.progress.pop(0)
    details = (
        {} if done is None else {"InitializationStatusDetails": {"InitializationType": "default", "Progress": done}}
    )
    wanted = self._get_param("VolumeIds", [])
    return ActionResult({"VolumeStatuses": [{"VolumeId": volume, **details} for volume in wanted]})


def _born(thing: Any) -> None:
    thing.born = time.monotonic()


def _shown(original: Callable[[Any], ActionResult], key: str) -> Callable[[Any], ActionResult]:
    """Without what was made too short a time ago."""

    def listed(self: Any) -> ActionResult:
        answer: Any = original(self)
        for one in answer.result[key]:
            _look(one)
        answer.result[key] = [one for one in answer.result[key] if not _hidden(getattr(one, "instances", [one]))]
        return answer  # type: ignore[no-any-return]

    return listed


def _look(thing: Any) -> None:
    """A network interface that is on its way to be free is so when it was looked at often enough."""
    if getattr(thing, "status", "") in ("pending", "detaching"):
        thing.looks -= 1
        if thing.looks < 0:
            thing.instance, thing.attachment_id, thing.status = None, None, "available"


def _hidden(things: Iterable[Any]) -> bool:
    return any(time.monotonic() - getattr(one, "born", 0.0) < DRILLS.late for one in things)
