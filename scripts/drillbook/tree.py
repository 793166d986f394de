"""Where playbooks, roles and plugins are: beside the package in a clone, within it where a wheel brought them."""

from pathlib import Path

from drillbook.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent
_CLONE = _PACKAGE.parents[1]
# Named as Ansible looks for a collection.
_BROUGHT = _PACKAGE / "ansible_collections/drillbook/platform"


def platform_root() -> Path:
    """The directory with `ansible.cfg`, `playbooks`, `roles`, `plugins` and `inventories`; raises ConfigurationError where none has them."""
    for root in (_BROUGHT, _CLONE):
        if (root / "playbooks").is_dir():
            return root
    raise ConfigurationError(
        "the playbooks are neither in this package nor beside it",
        where=str(_PACKAGE),
        remedy="Install drillbook from its wheel, or run it from a clone (scripts/bootstrap).",
    )
