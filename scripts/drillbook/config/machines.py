"""A group's hosts as machines that are snapshotted together."""

from collections import Counter
from datetime import timedelta

from drillbook.config.faults import fault
from drillbook.config.schema import Ec2Variables, GlobalVariables, MachinesVariables, ProxmoxVariables
from drillbook.model import Ec2Place, MachineGroup, Place, ProxmoxPlace, Retention

_KEY = "drillbook_machines"


def place(values: ProxmoxVariables | Ec2Variables) -> Place:
    """Build the place that machines come from."""
    found = values.model_dump(exclude={"kind"})
    return ProxmoxPlace(**found) if isinstance(values, ProxmoxVariables) else Ec2Place(**found)


def machine_group(
    name: str, values: MachinesVariables, general: GlobalVariables, hosts: tuple[str, ...]
) -> MachineGroup:
    """Build it; raises ConfigurationError when provider or order don't fit the inventory."""
    known = [provider.name for provider in general.drillbook_providers]
    if values.provider not in known:
        raise fault(
            f"there is no provider '{values.provider}'",
            name,
            f"{_KEY}.provider",
            f"Known in drillbook_providers: {', '.join(known) or 'none'}.",
        )
    stages = values.order or (hosts,)
    _refuse_wrong_order(name, stages, hosts)
    return MachineGroup(
        name=name,
        provider=values.provider,
        stages=stages,
        quiesce=values.quiesce,
        ram=values.ram,
        window=timedelta(seconds=values.window_seconds),
        retention=Retention(**values.retention.model_dump()),
    )


def _refuse_wrong_order(name: str, stages: tuple[tuple[str, ...], ...], hosts: tuple[str, ...]) -> None:
    """Each host of the group once: one that is left out would be missing in every set."""
    ordered = Counter(host for stage in stages for host in stage)
    wrong = {
        "not in the group": [host for host in ordered if host not in hosts],
        "twice": [host for host, count in ordered.items() if count > 1],
        "left out": [host for host in hosts if host not in ordered],
    }
    said = [f"{', '.join(found)} {how}" for how, found in wrong.items() if found]
    if said or not hosts:
        raise fault(
            "; ".join(said) or "the group has no hosts", name, f"{_KEY}.order", "Name each host of the group once."
        )
