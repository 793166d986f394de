"""What a run will do, decided from the configuration and the history alone: pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from drillbook.config import Configuration
from drillbook.drill.recovery_objective import seconds
from drillbook.errors import RefusedError
from drillbook.model import (
    MACHINES,
    Drill,
    Mode,
    Objectives,
    Phase,
    PointRequest,
    PointType,
    Service,
    format_instant,
)

PROVISION = "playbooks/provision_sandbox.yml"
RESTORE = "playbooks/restore.yml"
PROVE = "playbooks/prove.yml"
TEARDOWN = "playbooks/teardown_sandbox.yml"


@dataclass(frozen=True, slots=True)
class Step:
    """One playbook, or where that is None one step of the run's own `Work`; time before its first play counts to ``phase``."""

    name: str
    playbook: str | None
    phase: Phase
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the run will probably need, from earlier runs and, once it runs, from the chosen backup set."""

    bytes: int | None = None
    disk_bytes: int | None = None
    rto: timedelta | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the ``predicted`` part of the record."""
        return {"bytes": self.bytes, "disk_bytes": self.disk_bytes, "rto_seconds": seconds(self.rto)}


@dataclass(frozen=True, slots=True)
class Plan:
    """A run, ready to be carried out."""

    name: str
    trigger: str
    service: Service
    mode: Mode
    target: str
    point: PointRequest
    objectives: Objectives
    disaster_at: datetime | None
    repository_as_of_disaster: bool
    steps: tuple[Step, ...]
    teardown: Step | None
    deadline: timedelta
    keep: bool
    confirm: str
    config_digest: str
    predicted: Prediction
    replace: tuple[str, ...] = ()

    @property
    def rto_objective(self) -> timedelta:
        """The objective that this run is judged by."""
        return self.objectives.rto if self.mode is Mode.SANDBOX else self.objectives.rto_in_place

    def point_at(self, declared_at: datetime) -> PointRequest:
        """Return the recovery point, blind to what came into the repository after a simulated disaster was declared."""
        simulated = self.disaster_at is None and self.mode is Mode.SANDBOX and self.point.type is PointType.LATEST
        if simulated and self.repository_as_of_disaster and self.point.repository_time is None:
            return self.point.ignoring_later_than(declared_at)
        return self.point

    def variables(self, run_id: str, declared_at: datetime) -> dict[str, Any]:
        """Return the extra variables, the same for every playbook of the run; they hold no secret."""
        return {
            "drillbook_run_id": run_id,
            "restore_kind": self.service.kind,
            "restore_service": self.service.name,
            "restore_group": self.service.group,
            "restore_target": self.target,
            "restore_mode": self.mode.value,
            "restore_confirm": self.confirm,
            "restore_point": self.point_at(declared_at).as_variables(),
            "restore_disaster_at": format_instant(self.disaster_at or declared_at),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the plan as it is shown, digested and put into the evidence."""
        return {
            "drill": self.name,
            "trigger": self.trigger,
            "service": self.service.name,
            "kind": self.service.kind,
            "mode": self.mode.value,
            "target": self.target,
            "recovery_point": self.point.as_variables(),
            "disaster_at": format_instant(self.disaster_at) if self.disaster_at else None,
            "objectives": {
                "rto_seconds": seconds(self.rto_objective),
                "rpo_seconds": seconds(self.objectives.rpo),
            },
            "steps": [
                {"name": step.name, "playbook": step.playbook, "timeout_seconds": seconds(step.timeout)}
                for step in (*self.steps, *((self.teardown,) if self.teardown and not self.keep else ()))
            ],
            "deadline_seconds": seconds(self.deadline),
            "keep": self.keep,
            **({"replace": list(self.replace)} if self.replace else {}),
            "config_digest": self.config_digest,
            "predicted": self.predicted.as_json(),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the plan without its predictions: the same order gives the same digest."""
        body = {key: value for key, value in self.as_json().items() if key != "predicted"}
        return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def plan_drill(
    configuration: Configuration,
    drill: Drill,
    *,
    point: PointRequest | None = None,
    disaster_at: datetime | None = None,
    keep: bool = False,
    history: Iterable[Mapping[str, Any]] = (),
) -> Plan:
    """Plan a drill into its sandbox; ``point`` replaces the declared recovery point."""
    kind, timeout = drill.service.kind, drill.step_timeout
    return Plan(
        name=drill.name,
        trigger="drill",
        service=drill.service,
        mode=Mode.SANDBOX,
        target=drill.sandbox,
        point=point or drill.point,
        objectives=drill.objectives,
        disaster_at=disaster_at,
        repository_as_of_disaster=drill.repository_as_of_disaster,
        steps=_drill_steps(kind, timeout),
        teardown=None if kind == MACHINES else Step("teardown", TEARDOWN, Phase.TEARDOWN, timeout),
        deadline=drill.run_deadline,
        keep=keep,
        confirm="",
        config_digest=configuration.digest,
        predicted=predict(history, drill.name),
    )


def _drill_steps(kind: str, timeout: timedelta) -> tuple[Step, ...]:
    if kind == MACHINES:
        return _machine_steps(timeout)
    return (
        Step("provision", PROVISION, Phase.PROVISION, timeout),
        Step("restore", RESTORE, Phase.SELECT, timeout),
        Step("prove", PROVE, Phase.PROVE, timeout),
    )


def _machine_steps(timeout: timedelta) -> tuple[Step, ...]:
    """The same for the drill and for the bad day."""
    return (
        Step("select", None, Phase.SELECT, timeout),
        Step("restore", None, Phase.TRANSFER, timeout),
        Step("start", None, Phase.START, timeout),
        Step("verify", None, Phase.VERIFY, timeout),
        Step("prove", None, Phase.PROVE, timeout),
    )


def plan_in_place(
    configuration: Configuration,
    service: Service,
    *,
    confirm: str,
    point: PointRequest,
    replace: tuple[str, ...] = (),
    disaster_at: datetime | None = None,
    history: Iterable[Mapping[str, Any]] = (),
) -> Plan:
    """Plan the restore of a whole group over itself; raises RefusedError unless ``confirm`` names that group.

    ``replace`` names the machines that may be lost for it; where the service's data goes over its hosts, not over machines, it is empty.
    """
    _refuse_wrong_names(service, replace)
    if confirm != service.group:
        raise RefusedError(
            f"a restore in place replaces the data of every host of {service.group} ({', '.join(service.hosts)})",
            where=f"restore of {service.name}",
            remedy=f"If that is meant, give --confirm {service.group}.",
        )
    name, kind, timeout = f"{service.name}-in-place", service.kind, configuration.step_timeout
    return Plan(
        name=name,
        trigger="restore",
        service=service,
        mode=Mode.IN_PLACE,
        target=service.group,
        point=point,
        objectives=service.objectives,
        disaster_at=disaster_at,
        repository_as_of_disaster=False,
        steps=_machine_steps(timeout) if kind == MACHINES else _in_place_steps(service, timeout),
        teardown=None,
        deadline=configuration.run_deadline,
        keep=False,
        confirm=confirm,
        replace=replace,
        config_digest=configuration.digest,
        predicted=predict(history, name),
    )


def _in_place_steps(service: Service, timeout: timedelta) -> tuple[Step, ...]:
    """First the service's lost machines are made again, where the inventory names a playbook for that."""
    provision = service.provision_playbook
    return (
        *((Step("provision", provision, Phase.PROVISION, timeout),) if provision else ()),
        Step("restore", RESTORE, Phase.SELECT, timeout),
        Step("prove", PROVE, Phase.PROVE, timeout),
    )


def _refuse_wrong_names(service: Service, replace: tuple[str, ...]) -> None:
    unknown = sorted(set(replace) - (set(service.hosts) if service.kind == MACHINES else set()))
    if unknown:
        raise RefusedError(
            f"{', '.join(unknown)}: no machine of {service.name}",
            where=f"restore of {service.name}, --replace",
            remedy="Name machines of a service of the kind `machines`."
            if service.kind != MACHINES
            else f"Its machines are {', '.join(service.hosts)}.",
        )


def predict(history: Iterable[Mapping[str, Any]], name: str) -> Prediction:
    """Median RTO and newest sizes of the earlier records of the same drill, oldest record first."""
    records = [record for record in history if record.get("drill") == name]
    times: Sequence[float] = [
        record["rto"]["actual_seconds"] for record in records if (record.get("rto") or {}).get("actual_seconds")
    ]
    sizes = [record["predicted"] for record in records if (record.get("predicted") or {}).get("bytes")]
    newest = sizes[-1] if sizes else {}
    return Prediction(
        bytes=newest.get("bytes"),
        disk_bytes=newest.get("disk_bytes"),
        rto=timedelta(seconds=median(times)) if times else None,
    )
