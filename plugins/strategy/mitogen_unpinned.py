"""Mitogen's linear strategy, with every process on whatever core is free.

Mitogen pins its processes to cores, and what they start inherits that. On a machine of two cores it leaves one of them to its
multiplexer, so the lab's containers, made by a playbook, would all live on the other one for good.
"""

import ansible_mitogen.affinity

# Before the strategy is loaded: it asks this object where its processes belong, and the base class puts none anywhere.
ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()

import ansible_mitogen.loaders  # noqa: E402 - after the policy
import ansible_mitogen.strategy  # noqa: E402 - likewise

_Linear = ansible_mitogen.loaders.strategy_loader.get("linear", class_only=True)


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, _Linear):
    """What Ansible loads by the name of this file."""
