"""Keys as the inventory holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from drillbook.kinds.postgresql.fingerprints import public_key_of

if TYPE_CHECKING:
    from collections.abc import Callable


def ed25519_public_key(seed: str) -> str:
    """The public key of an Ed25519 seed, both as 64 hexadecimal digits."""
    try:
        return public_key_of(seed)
    except ValueError:
        raise AnsibleFilterError("ed25519_public_key needs a seed of 64 hexadecimal digits.") from None


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"ed25519_public_key": ed25519_public_key}
