"""From the inventory to validated configuration; there is no second configuration file."""

from drillbook.config.inventory import Inventory, read_inventory
from drillbook.config.load import Configuration, configuration

__all__ = ["Configuration", "Inventory", "configuration", "read_inventory"]
