"""Amazon EC2, and what speaks its interface."""

from drillbook.providers.ec2.api import Ec2Api
from drillbook.providers.ec2.backups import Ec2Backups
from drillbook.providers.ec2.restores import Ec2Restores
from drillbook.providers.ec2.snapshots import Ec2Snapshots

__all__ = ["Ec2Api", "Ec2Backups", "Ec2Restores", "Ec2Snapshots"]
