"""From the inventory to validated configuration; there is no second configuration file."""

from drillbook.config.configuration import Configuration
from drillbook.config.inventory import Inventory
from drillbook.config.load import Examined, configuration, examine
from drillbook.config.reading import read_inventory

__all__ = ["Configuration", "Examined", "Inventory", "configuration", "examine", "read_inventory"]
