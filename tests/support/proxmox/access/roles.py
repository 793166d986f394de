"""The built-in roles, by the privileges that Proxmox VE 9 gives them."""

from __future__ import annotations

_AUDIT = ("Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit", "VM.GuestAgent.Audit")
_VM_USER = (
    "VM.Audit",
    "VM.Backup",
    "VM.Config.CDROM",
    "VM.Config.Cloudinit",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.PowerMgmt",
)
_VM_ADMIN = (
    *_VM_USER,
    "VM.Allocate",
    "VM.Clone",
    "VM.Config.CPU",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Migrate",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
)
_DATASTORE = ("Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.AllocateTemplate", "Datastore.Audit")
_SDN = ("SDN.Allocate", "SDN.Audit", "SDN.Use")
_SYSTEM = ("Sys.Audit", "Sys.Console", "Sys.Syslog")
_MAPPING_USER = ("Mapping.Audit", "Mapping.Use")
_ADMIN = (
    *_DATASTORE,
    *_SDN,
    *_SYSTEM,
    *_MAPPING_USER,
    *_VM_ADMIN,
    "Group.Allocate",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.AllocateUser",
    "User.Modify",
)
# What only the superuser's role has.
_ROOT_ONLY = (
    "Mapping.Modify",
    "Permissions.Modify",
    "Realm.Allocate",
    "Sys.AccessNetwork",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
)

BUILT_IN: dict[str, tuple[str, ...]] = {
    "Administrator": (*_ADMIN, *_ROOT_ONLY),
    "NoAccess": (),
    "PVEAdmin": _ADMIN,
    "PVEAuditor": _AUDIT,
    "PVEDatastoreAdmin": _DATASTORE,
    "PVEDatastoreUser": ("Datastore.AllocateSpace", "Datastore.Audit"),
    "PVEMappingAdmin": ("Mapping.Audit", "Mapping.Modify", "Mapping.Use"),
    "PVEMappingAuditor": ("Mapping.Audit",),
    "PVEMappingUser": _MAPPING_USER,
    "PVEPoolAdmin": ("Pool.Allocate", "Pool.Audit"),
    "PVEPoolUser": ("Pool.Audit",),
    "PVESDNAdmin": _SDN,
    "PVESDNUser": ("SDN.Audit", "SDN.Use"),
    "PVESysAdmin": _SYSTEM,
    "PVETemplateUser": ("VM.Audit", "VM.Clone"),
    "PVEUserAdmin": ("Group.Allocate", "Realm.AllocateUser", "User.Modify"),
    "PVEVMAdmin": _VM_ADMIN,
    "PVEVMUser": _VM_USER,
}
PRIVILEGES = frozenset(BUILT_IN["Administrator"])


def privileges_of(role: str, custom: dict[str, list[str]]) -> frozenset[str]:
    """Return a role's privileges; an unknown role has none."""
    return frozenset(BUILT_IN.get(role, ())) | frozenset(custom.get(role, ()))
