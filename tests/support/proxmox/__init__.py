"""A stateful Proxmox VE 9 API for tests: it checks every request against the official schema and keeps what guests hold.

What it leaves out: changes to a running machine take effect at once and are never pending; backup jobs are kept but not
run by the clock; high availability starts and stops its guests, seconds after it was asked, and does no more; firewall,
replication and consoles do nothing; files cannot be uploaded. A call that the API has and this server has not answers 501
"TEST SERVER LACKS ...".
"""

from tests.support.proxmox.client import Control
from tests.support.proxmox.layout import ROOT_PASSWORD, add_container, add_machine, cluster, empty_cluster
from tests.support.proxmox.server import ProxmoxProcess, ProxmoxServer
from tests.support.proxmox.state import State

__all__ = [
    "ROOT_PASSWORD",
    "Control",
    "ProxmoxProcess",
    "ProxmoxServer",
    "State",
    "add_container",
    "add_machine",
    "cluster",
    "empty_cluster",
]
