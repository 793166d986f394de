"""What a restore in place will do: planned like a drill, over the service itself, once its group is named: pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drillbook.errors import RefusedError
from drillbook.model import Destination, Mode, PointRequest, Service
from drillbook.run.plan import Plan, Settings, Track, predict, refuse_foreign_point


def plan_in_place(  # noqa: PLR0913 - what an operator says on the bad day, each by its name
    settings: Settings,
    service: Service,
    *,
    confirm: str,
    point: PointRequest,
    replace: tuple[str, ...] = (),
    overwrite: bool = False,
    without: tuple[str, ...] = (),
    only: tuple[str, ...] = (),
    disaster_at: datetime | None = None,
    history: Iterable[Mapping[str, Any]] = (),
) -> Plan:
    """Plan the restore of a whole group over itself; raises RefusedError unless ``confirm`` names that group, and for what others built.

    Of machines ``replace`` names those that may be lost for it, and ``only`` those that are restored where that is not all of them.
    Where the service's data goes over its hosts, ``overwrite`` gives that data up at once, where otherwise it is set aside until every
    check is green; ``without`` names hosts that are left out because they do not answer, and are joined later.
    """
    if not service.managed:
        raise RefusedError(
            f"{service.name} is not drillbook's own (managed: false): its hosts are configured by somebody else, and stay as they are",
            where=f"restore of {service.name}",
            remedy=f"Restore it in place by the tools that built it. A drill shows which backup set is good: {service.name} in a sandbox.",
        )
    refuse_foreign_point(service, Mode.IN_PLACE, point)
    _refuse_wrong_names(service, replace, only)
    _refuse_wrong_choices(service, overwrite=overwrite, without=without)
    if confirm != service.group:
        raise RefusedError(
            f"a restore in place replaces {', '.join(only)} of {service.group}"
            if only
            else f"a restore in place replaces the data of every host of {service.group} ({', '.join(service.hosts)})",
            where=f"restore of {service.name}",
            remedy=f"If that is meant, give --confirm {service.group}.",
        )
    name = f"{service.name}-in-place"
    track = Track(
        service=service,
        target=service.group,
        point=point,
        rto=service.objectives.rto_in_place,
        rpo=service.objectives.rpo,
        steps=service.kind.steps(Mode.IN_PLACE, settings.step_timeout, service.provision_playbook),
        predicted=predict(history, name, service.name),
    )
    return Plan(
        name=name,
        trigger="restore",
        mode=Mode.IN_PLACE,
        tracks=(track,),
        disaster_at=disaster_at,
        repository_as_of_disaster=False,
        deadline=settings.run_deadline,
        keep=False,
        confirm=confirm,
        replace=replace,
        overwrite=overwrite,
        without=without,
        only=only,
        config_digest=settings.digest,
    )


def _refuse_wrong_names(service: Service, replace: tuple[str, ...], only: tuple[str, ...]) -> None:
    machines = service.hosts if service.kind.destination is Destination.DRILL_RANGE else ()
    for option, given in (("--replace", replace), ("--only", only)):
        unknown = sorted(set(given) - set(machines))
        if unknown:
            raise RefusedError(
                f"{', '.join(unknown)}: no machine of {service.name}",
                where=f"restore of {service.name}, {option}",
                remedy=f"Its machines are {', '.join(machines)}."
                if machines
                else f"Leave it out: the kind {service.kind.name} is restored over its hosts.",
            )
    left_alone = sorted(set(replace) - set(only)) if only else []
    if left_alone:
        raise RefusedError(
            f"{', '.join(left_alone)}: not restored, so not to be replaced",
            where=f"restore of {service.name}, --replace and --only",
            remedy=f"Leave it out, or restore it, too: {' '.join(f'--only {host}' for host in left_alone)}.",
        )


def _refuse_wrong_choices(service: Service, *, overwrite: bool, without: tuple[str, ...]) -> None:
    """What is given up, and who is left out, is said of a service's hosts; of machines it is said one by one."""
    place = f"restore of {service.name}"
    if service.kind.destination is Destination.DRILL_RANGE and (overwrite or without):
        raise RefusedError(
            f"{service.name} consists of machines: what is given up of them is named one by one",
            where=f"{place}, {'--overwrite' if overwrite else '--without'}",
            remedy="Name the machines that still stand with --replace, or those that are restored with --only.",
        )
    if unknown := sorted(set(without) - set(service.hosts)):
        raise RefusedError(
            f"{', '.join(unknown)}: no host of {service.name}",
            where=f"{place}, --without",
            remedy=f"Its hosts are {', '.join(service.hosts)}.",
        )
    if set(service.hosts) <= set(without):
        raise RefusedError(
            f"no host of {service.name} would be left",
            where=f"{place}, --without",
            remedy="Leave out those that do not answer, and no others.",
        )
