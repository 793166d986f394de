"""What is wrong with a key of the inventory."""

from drillbook.errors import ConfigurationError


def fault(message: str, group: str, key: str, remedy: str) -> ConfigurationError:
    """Return the error that names group and key."""
    return ConfigurationError(message, where=f"group_vars of {group}, key {key}", remedy=remedy)
