"""What a Proxmox VE cluster offers; each with its own token."""

from drillbook.clock import Clock
from drillbook.errors import ConfigurationError
from drillbook.providers.credential_files import BACKUPS_USER, DRILL_USER, RECOVERY_USER, SNAPSHOTS_USER
from drillbook.providers.drill_protocols import DrillMachines, Recoveries, Restores, Sandboxes
from drillbook.providers.protocols import Backups, Snapshots
from drillbook.providers.proxmox.api import ProxmoxApi, ProxmoxEndpoint, Token
from drillbook.providers.proxmox.backups import ProxmoxBackups
from drillbook.providers.proxmox.drill_machines import ProxmoxDrillMachines
from drillbook.providers.proxmox.place import ProxmoxDrillRange, ProxmoxPlace
from drillbook.providers.proxmox.recoveries import ProxmoxRecoveries
from drillbook.providers.proxmox.restores import ProxmoxRestores
from drillbook.providers.proxmox.sandboxes import ProxmoxSandboxes
from drillbook.providers.proxmox.snapshots import ProxmoxSnapshots


def open_snapshots(place: ProxmoxPlace, clock: Clock) -> Snapshots:
    """Guests' snapshots."""
    return ProxmoxSnapshots(_api(place, SNAPSHOTS_USER), clock)


def open_backups(place: ProxmoxPlace, clock: Clock) -> Backups:
    """Backups by vzdump."""
    return ProxmoxBackups(_api(place, BACKUPS_USER), clock)


def open_restores(place: ProxmoxPlace, drill: ProxmoxDrillRange, clock: Clock) -> Restores:
    """A drill's guests; raises ConfigurationError where nothing says which backups they are made from."""
    if not drill.backup_storage:
        raise ConfigurationError(
            "nothing says where a drill reads the machines' backups",
            where=f"drillbook_providers, {place.name}, drill.backup_storage",
            remedy="Name the storage entry whose account only reads (docs/how-to/drill-machines.md).",
        )
    return ProxmoxRestores(_api(place, DRILL_USER), place.name, drill, clock)


def open_removal(place: ProxmoxPlace, drill: ProxmoxDrillRange, clock: Clock) -> DrillMachines:
    """By the token that made them."""
    return ProxmoxDrillMachines(_api(place, DRILL_USER), place.name, drill, clock)


def open_sandboxes(place: ProxmoxPlace, drill: ProxmoxDrillRange, clock: Clock) -> Sandboxes:
    """Clones of a template; raises ConfigurationError where none is declared."""
    if drill.sandboxes is None:
        raise ConfigurationError(
            "this provider has no template for sandbox hosts",
            where=f"drillbook_providers, {place.name}, drill.sandboxes",
            remedy="Declare it there.",
        )
    return ProxmoxSandboxes(_api(place, DRILL_USER), place.name, drill, drill.sandboxes, clock)


def open_recoveries(place: ProxmoxPlace, clock: Clock) -> Recoveries:
    """Guests under their own numbers; a token that others may read holds nobody back on the bad day."""
    endpoint = _endpoint(place, RECOVERY_USER)
    token = Token.read(endpoint.token, refuse_exposed=False)
    return ProxmoxRecoveries(ProxmoxApi(endpoint, token), endpoint.token, clock)


def _api(place: ProxmoxPlace, token: str) -> ProxmoxApi:
    return ProxmoxApi(_endpoint(place, token))


def _endpoint(place: ProxmoxPlace, token: str) -> ProxmoxEndpoint:
    return ProxmoxEndpoint(place.host, place.port, place.ca_file, place.tokens_directory / token, place.other_hosts)
