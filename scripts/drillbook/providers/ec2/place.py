"""A region of EC2, as the inventory declares it."""

from typing import Literal

from pydantic import Field

from drillbook.strict import ENDPOINT, AbsolutePath, Name, Strict


class Ec2SandboxImage(Strict):
    """What sandbox hosts are run from, and what cloud-init tells them. They have no instance profile."""

    image: str = Field(
        pattern=r"^ami-[0-9a-z]+$",
        description="image with cloud-init, in the place's region; the software of the restored service is in it",
    )
    instance_type: str = Field(
        default="",
        pattern=r"^($|[a-z0-9-]+\.[a-z0-9-]+$)",
        description="type of these instances; that of the drill range if left out",
    )
    user: str = Field(
        default="admin",
        pattern=r"^[a-z_][a-z0-9_-]*$",
        description="user that cloud-init lets in, with sudo; `admin` is the one of Debian's images",
    )
    public_key_file: AbsolutePath = Field(
        description="public ssh key that this user accepts; the controller logs in by its private key"
    )
    encrypted: bool = Field(
        default=True, description="encrypt their disks, by the account's default key for EBS where the image is not"
    )
    store_endpoint: str = Field(
        default="",
        pattern=r"^($|vpce-[0-9a-z]+$)",
        description="interface endpoint of S3 in the isolated subnet that only lets backups be read; none where the store has an address there",
    )
    data_path: str = Field(
        default="",
        pattern=r"^($|/[A-Za-z0-9._/-]+$)",
        description="where a sandbox host with `disk_bytes` has a disk of its own of that size; left out, the disk that it starts from is so large",
    )


class Ec2DrillRange(Strict):
    """Where drills make machines. What they made is removed only if name, subnet and the tag of the run all match."""

    subnet: str = Field(
        pattern=r"^subnet-[0-9a-z]+$", description="isolated subnet: no route but the local one and to VPC endpoints"
    )
    security_group: str = Field(
        pattern=r"^sg-[0-9a-z]+$", description="isolated group: it leads to itself and to the subnet, nowhere else"
    )
    instance_type: str = Field(
        pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$",
        description="type of the drill's instances, with room for the backups' cards",
    )
    instance_profile: str = Field(
        pattern=r"^[A-Za-z0-9+=,.@_-]+$",
        description="instance profile that lets Systems Manager's agent in, and nothing else",
    )
    control: str = Field(
        default="",
        pattern=f"^($|{ENDPOINT}$)",
        description="address:port in the isolated subnet that answers; without one a single machine's isolation stays unproven",
    )
    sandboxes: Ec2SandboxImage | None = Field(
        default=None, description="how sandbox hosts are made; none are if left out"
    )


class Ec2Place(Strict):
    """A region of EC2."""

    name: Name = Field(description="unique in the inventory")
    kind: Literal["ec2"] = Field(description="`ec2`")
    region: str = Field(description="the region")
    endpoint: str | None = Field(
        default=None,
        pattern=r"^(https://|http://(127\.0\.0\.1|localhost|\[::1\])([:/]|$))",
        description="https URL of another cloud that speaks EC2; plain http only to this machine itself",
    )
    ca_file: AbsolutePath | None = Field(default=None, description="CA of its certificate; the system's if left out")
    credentials_directory: AbsolutePath | None = Field(
        default=None,
        description="holds `snapshots.json`, `backups.json`, `drill.json`: {access_key, secret_key}, mode 0600; left out, boto3 finds its own (profile, role)",
    )
    drill: Ec2DrillRange | None = Field(default=None, description="where drills make machines")
