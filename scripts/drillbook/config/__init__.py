"""From the inventory to validated configuration; there is no second configuration file."""

from drillbook.config.configuration import Configuration
from drillbook.config.inventory import Inventory, read_inventory
from drillbook.config.load import Examined, configuration, examine

__all__ = ["Configuration", "Examined", "Inventory", "configuration", "examine", "read_inventory"]
