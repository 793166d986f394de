"""What the declarations of an inventory are held against."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drillbook.config.faults import Faults, closest, did_you_mean
from drillbook.config.inventory import Inventory
from drillbook.errors import ConfigurationError
from drillbook.model import MachineGroup
from drillbook.providers import Place, refuse_uninstalled


@dataclass(frozen=True, slots=True)
class Context:
    """The inventory, and what was read of it. None stands for what is wrong itself: nothing is held against it.

    ``machines`` has each group that declares machines, ``sandboxes`` the hosts that a provider makes.
    """

    inventory: Inventory
    faults: Faults
    repositories: frozenset[str] | None
    places: tuple[Place, ...] | None
    machines: Mapping[str, MachineGroup | None] = field(default_factory=dict)
    sandboxes: frozenset[str] | None = None

    def place(self, name: str, group: str, key: str) -> Place | None:
        """The place of a provider that ``group`` names under ``key``; None after a fault that says why nothing can be held against it.

        It is none of those that are known, or its library is not installed.
        """
        if self.places is None:
            return None
        found = next((place for place in self.places if place.name == name), None)
        if found is None:
            known = [place.name for place in self.places]
            self.faults.add(
                f"there is no provider '{name}'",
                group,
                key,
                f"{did_you_mean(closest(name, known))}Known in drillbook_providers: {', '.join(known) or 'none'}.",
            )
            return None
        try:
            refuse_uninstalled(found)
        except ConfigurationError as error:
            self.faults.add(error.message, "all", error.where, error.remedy)
            return None
        return found
