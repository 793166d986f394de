"""All kinds of service. A new one is registered here, and is known everywhere."""

from drillbook.kinds.declaration import ServiceKind
from drillbook.kinds.machines.kind import MACHINES
from drillbook.kinds.postgresql.kind import POSTGRESQL

KINDS: dict[str, ServiceKind] = {kind.name: kind for kind in (POSTGRESQL, MACHINES)}
"""By the name that the inventory uses."""
