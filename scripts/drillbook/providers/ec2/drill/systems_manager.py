"""An instance from inside, by Systems Manager's agent. AWS keeps what was run and said: nothing secret goes in."""

import binascii
import gzip
import math
import re
import zlib
from base64 import b64decode
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, InfrastructureError
from drillbook.model import GuestAnswer, Machine
from drillbook.providers.ec2.api import Ec2Api, code_of
from drillbook.providers.waiting import wait_until

DOCUMENT = "AWS-RunShellScript"
_DELIVERY = timedelta(seconds=120)
"""How long an agent may take to fetch a command: it shares the machine with everything that starts. Not less than 30 s."""
GRACE = timedelta(seconds=30)
"""How long after its own limit a command's end may be told of."""
_WAITING = ("Pending", "InProgress", "Delayed")
_UNDELIVERED = "DeliveryTimedOut"
"""The detail of ``TimedOut`` that means: it never ran."""
_END = "drillbook:end"
_CODE = re.compile(r"\d{1,3}", re.ASCII)
# Systems Manager passes on the first 24,000 characters; packed, what is missing can't be taken for an answer.
_WRAP = f"""\
{{ (
%s
) </dev/null
printf '\\n{_END} %%s\\n' "$?"; }} | gzip -c | base64
"""


class SystemsManager:
    """Asks the agents of instances; ``instance`` is an instance's id."""

    def __init__(self, api: Ec2Api, clock: Clock, poll: timedelta) -> None:
        self._api = api
        self._clock = clock
        self._poll = poll

    def answers(self, instance: str) -> bool:
        """Whether its agent has told Systems Manager that it is there."""
        filters = [{"Key": "InstanceIds", "Values": [instance]}]
        found = self._api.pages("describe_instance_information", "InstanceInformationList", Filters=filters)
        return any(entry["PingStatus"] == "Online" for entry in found)

    def run(self, machine: Machine, instance: str, script: str, timeout: timedelta) -> GuestAnswer:
        """Run a script by sh; raises InfrastructureError when it has not ended within ``timeout`` or said too much.

        A command that was not fetched in time never ran, and is sent again.
        """
        where = f"{machine.host} ({instance})"
        deadline = self._clock.monotonic() + timeout + _DELIVERY + GRACE
        command, status = "", _UNDELIVERED

        def ended() -> GuestAnswer | None:
            nonlocal command, status
            if status == _UNDELIVERED:
                command = self._send(instance, script, timeout)
            status, said = self._said(command, instance)
            if status not in ("Success", *_WAITING, _UNDELIVERED):
                raise InfrastructureError(
                    f"a program inside did not end: Systems Manager says {status}",
                    where=where,
                    remedy="Look at the command's history in Systems Manager.",
                )
            return _unpack(said, where) if status == "Success" else None

        def late() -> InfrastructureError:
            slow = f"did not end within {timeout.total_seconds():.0f} s"
            return InfrastructureError(
                f"a program inside {'was not fetched in time' if status == _UNDELIVERED else slow}",
                where=where,
                remedy="See that the subnet's endpoints for Systems Manager work, and what the program waits for.",
            )

        return wait_until(self._clock, ended, deadline=deadline, every=self._poll, late=late)

    def _send(self, instance: str, script: str, timeout: timedelta) -> str:
        """Return the command's id."""
        sent = self._api.call(
            lambda client: client.send_command(
                InstanceIds=[instance],
                DocumentName=DOCUMENT,
                TimeoutSeconds=int(_DELIVERY.total_seconds()),
                Parameters={
                    "commands": [_WRAP % script],
                    "executionTimeout": [str(math.ceil(timeout.total_seconds()))],
                },
            ),
            f"send_command {instance}",
        )
        return str(sent["Command"]["CommandId"])

    def _said(self, command: str, instance: str) -> tuple[str, str]:
        """Its status, of a late one its detail, and its output; just sent, it may not be known yet."""
        try:
            found = self._api.call(
                lambda client: client.get_command_invocation(CommandId=command, InstanceId=instance),
                f"get_command_invocation {command}",
            )
        except DrillbookError as error:
            if code_of(error) == "InvocationDoesNotExist":
                return "Pending", ""
            raise
        status = str(found["Status"])
        if status == "TimedOut":
            # Documented with spaces, and told without.
            status = str(found.get("StatusDetails", "")).replace(" ", "") or status
        return status, str(found.get("StandardOutputContent", ""))


def _unpack(said: str, where: str) -> GuestAnswer:
    try:
        text = gzip.decompress(b64decode(said)).decode(errors="replace")
    except (OSError, EOFError, binascii.Error, zlib.error):
        text = ""
    output, mark, code = text.rpartition(f"\n{_END} ")
    if not mark or not _CODE.fullmatch(code.strip()):
        raise InfrastructureError(
            "a program inside said more than Systems Manager passes on, or gzip and base64 are not there",
            where=where,
            remedy="Install them in the machine, or drill a smaller group.",
        )
    return GuestAnswer(int(code), output)
