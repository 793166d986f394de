"""Mitogen's linear strategy, with every process on whatever core is free, and with Jinja's plug-ins loaded once.

Mitogen pins its processes to cores, and what they start inherits that. On a machine of two cores it leaves one of them to its
multiplexer, so the lab's containers, made by a playbook, would all live on the other one for good.

Ansible loads the files of filters and tests at their first use. That is in the process of a task, a fork that ends with it, so the
next one loads them again.
"""

import contextlib

import ansible_mitogen.affinity

# Before the strategy is loaded: it asks this object where its processes belong, and the base class puts none anywhere.
ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()

import ansible_mitogen.loaders  # noqa: E402 - after the policy
import ansible_mitogen.strategy  # noqa: E402 - likewise
from ansible.plugins.loader import filter_loader, test_loader  # noqa: E402 - likewise

_Linear = ansible_mitogen.loaders.strategy_loader.get("linear", class_only=True)

# The loaders keep what they have loaded, and the forks inherit it. Whoever asks for one filter of a collection has all its files loaded.
for _loader in (filter_loader, test_loader):
    list(_loader.all())
with contextlib.suppress(KeyError):
    filter_loader.get("drillbook.platform.pgbackrest_time")


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, _Linear):
    """What Ansible loads by the name of this file."""
