"""What burns with the site, and its copies outside the failure domain."""

from drillbook.escrow.comparison import check_escrow
from drillbook.escrow.working import escrow_in_place

__all__ = ["check_escrow", "escrow_in_place"]
