"""What a group of machines can be restored to, asked of its provider."""

from drillbook.errors import ConfigurationError
from drillbook.inquiry.asking import Asking
from drillbook.inquiry.places import refuse_places
from drillbook.kinds.machines.catalog import catalog_of
from drillbook.machines.backups import backups_by_machine, open_rules
from drillbook.model import Asked, RecoveryPoints
from drillbook.providers import open_backups


def ask_provider(asking: Asking) -> RecoveryPoints:
    """Read the backups of the group's machines.

    Raises RefusedError where somebody else is to be asked, ConfigurationError where the group is declared as nobody's machines, and what
    the provider raises.
    """
    refuse_places(asking)
    if asking.group is None:
        raise ConfigurationError(
            "the group is not declared as machines of a provider",
            where=f"group_vars of {asking.service.group}, key drillbook_machines",
            remedy="Declare them there.",
        )
    place = asking.provider(asking.group.provider)
    backups = open_backups(place, asking.clock).backups(asking.group.hosts, open_rules(asking.group))
    return RecoveryPoints(
        service=asking.service.name,
        kind=asking.service.kind.name,
        asked=Asked("provider", place.name),
        read_at=asking.clock.now(),
        catalog=catalog_of(backups_by_machine(asking.group, backups), asking.clock.now()),
    )
