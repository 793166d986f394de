"""What is kept in escrow, and what a controller uses that belongs there."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from drillbook.config.faults import Faults
from drillbook.config.inventory import Inventory
from drillbook.config.schema import EscrowVariables, GlobalVariables
from drillbook.model import EscrowItem, InUse, Service

_ANSIBLE = {"ansible_ssh_private_key_file": "ssh key", "certificates_authority_directory": "certificate authority"}
"""Variables of hosts that name what a new controller would need, and what it is."""
_VAULT = "ANSIBLE_VAULT_PASSWORD_FILE"


def escrow_item(
    item: EscrowVariables, services: tuple[Service, ...], inventory: Inventory, faults: Faults
) -> EscrowItem:
    """Return the item; it is a fault where its copy is kept on a host of a service, by whatever name."""
    burning = [
        service.name
        for service in services
        if any(item.host in (host, inventory.value_of(host, "ansible_host")) for host in service.hosts)
    ]
    if burning:
        faults.add(
            f"the copy of '{item.name}' is kept on {item.host}, which burns with {', '.join(burning)}",
            "all",
            "drillbook_escrow",
            "Keep it on a host that is no host of a service.",
        )
    return EscrowItem(
        name=item.name,
        host=item.host,
        source=item.source,
        copy=item.copy_file,
        command=item.command,
        sha256=item.sha256,
        archive=item.archive,
    )


def in_use(general: GlobalVariables, inventory: Inventory) -> tuple[InUse, ...]:
    """Return what the controller itself reads: inventories, keys and credentials, each once, as far as it is said in plain paths."""
    found = [
        *(InUse("inventory", source if source.is_dir() else source.parent) for source in inventory.sources),
        InUse("key that signs the evidence", general.drillbook_evidence.signing_key_file),
        InUse("credentials of the object store", general.drillbook_object_store.credentials_directory),
        *(
            InUse(f"credentials of the provider {place.name}", path)
            for place in general.drillbook_providers
            for path in _directories(place)
        ),
        *_of_ansible(inventory),
        *((InUse("vault password", Path(os.environ[_VAULT])),) if os.environ.get(_VAULT) else ()),
    ]
    return tuple({one.path: one for one in found}.values())


def _directories(place: Any) -> Iterator[Path]:
    """Each provider names the directory of its keys by a key of its own."""
    return (path for key, path in place if key.endswith("_directory") and isinstance(path, Path))


def _of_ansible(inventory: Inventory) -> Iterator[InUse]:
    said: list[Mapping[str, Any]] = [group.variables for group in inventory.groups.values()]
    for variables in (*said, *inventory.host_variables.values()):
        for key, what in _ANSIBLE.items():
            path = variables.get(key)
            if isinstance(path, str) and path.startswith("/") and "{" not in path:
                yield InUse(what, Path(path))
