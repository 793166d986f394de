"""A Proxmox VE cluster, as the inventory declares it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from drillbook.strict import ENDPOINT, AbsolutePath, Name, Strict


class ProxmoxSandboxTemplate(Strict):
    """What sandbox hosts are cloned from, and what cloud-init tells them."""

    template: int = Field(
        ge=100, lt=1000000000, description="number of the template; it has a cloud-init drive and the guest agent"
    )
    node: str = Field(description="node that the template is on")
    user: str = Field(default="debian", pattern=r"^[a-z_][a-z0-9_-]*$", description="user that cloud-init makes")
    public_key_file: AbsolutePath = Field(description="public ssh key that this user accepts")
    prefix_length: int = Field(
        default=24, ge=1, le=32, description="of the isolated network that the sandbox's `ansible_host` is in"
    )
    gateway: str = Field(
        default="",
        pattern=r"^($|[0-9.]+$)",
        description="address in the isolated network that leads to the object store; none if left out",
    )
    nameserver: str = Field(
        default="",
        pattern=r"^($|[0-9. ]+$)",
        description="resolvers in the isolated network; Proxmox VE gives the node's own if left out, which may be out of reach",
    )


class ProxmoxDrillRange(Strict):
    """The only guests that a drill makes and removes: by number, pool and the tag of the run, all three."""

    first_vmid: int = Field(
        ge=100, lt=1000000000, description="first number of the range; no other guest may have one of it"
    )
    last_vmid: int = Field(ge=100, lt=1000000000, description="last number of the range")
    pool: str = Field(description="pool of the drill's guests; it holds no other")
    node: str = Field(description="node that they are restored on")
    storage: str = Field(description="storage for their disks")
    bridge: str = Field(description="isolated bridge or VNet that each of their network cards is put on")
    backup_storage: str = Field(
        default="",
        description="storage entry that backups are read by: the same Proxmox Backup Server with an account that only reads; drills of machines need it",
    )
    control: str = Field(
        default="",
        pattern=f"^($|{ENDPOINT}$)",
        description="address:port on the isolated bridge that answers, in the machines' own subnet; without one a single machine's isolation stays unproven",
    )

    live: bool = Field(
        default=False,
        description="live-restore: start at once, fetch the disks meanwhile (Proxmox Backup Server); both times are reported",
    )

    sandboxes: ProxmoxSandboxTemplate | None = Field(
        default=None, description="how sandbox hosts are made; none are if left out"
    )

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.last_vmid < self.first_vmid:
            raise ValueError(f"last_vmid {self.last_vmid} is less than first_vmid {self.first_vmid}")
        return self


class ProxmoxPlace(Strict):
    """A Proxmox VE cluster. Each token has a file: `snapshots.json`, `backups.json`, `drill.json`, `recovery.json`: {id, secret}, mode 0600."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["proxmox"] = Field(description="`proxmox`")
    host: str = Field(description="a node of the cluster, by a name that is in its certificate")
    other_hosts: tuple[str, ...] = Field(
        default=(), description="further nodes by such names, asked in turn while `host` can't be reached"
    )
    port: int = Field(default=8006, gt=0, lt=65536, description="port of its interface")
    ca_file: AbsolutePath | None = Field(default=None, description="CA of its certificate; the system's if left out")
    tokens_directory: AbsolutePath = Field(description="where the tokens are")
    drill: ProxmoxDrillRange | None = Field(default=None, description="where drills make machines")
