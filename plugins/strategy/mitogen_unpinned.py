"""Mitogen's linear strategy: processes on whatever core is free, Jinja's plug-ins loaded once, and a login tried twice.

Mitogen pins its processes to cores, and what they start inherits that. On a machine of two cores it leaves one of them to its
multiplexer, so the lab's containers, made by a playbook, would all live on the other one for good.

Ansible loads the files of filters and tests at their first use. That is in the process of a task, a fork that ends with it, so the
next one loads them again.

Mitogen tries a login once, where plain ssh tries again (``retries``). A host that is slow for a moment would end a backup or a drill.
"""

import contextlib

import ansible_mitogen.affinity

# Before the strategy is loaded: it asks this object where its processes belong, and the base class puts none anywhere.
ansible_mitogen.affinity.policy = ansible_mitogen.affinity.Policy()

import ansible_mitogen.connection  # noqa: E402 - after the policy
import ansible_mitogen.loaders  # noqa: E402 - after the policy
import ansible_mitogen.strategy  # noqa: E402 - likewise
from ansible.errors import AnsibleConnectionFailure  # noqa: E402 - likewise
from ansible.plugins.loader import filter_loader, test_loader  # noqa: E402 - likewise

_Linear = ansible_mitogen.loaders.strategy_loader.get("linear", class_only=True)

# The loaders keep what they have loaded, and the forks inherit it. Whoever asks for one filter of a collection has all its files loaded.
for _loader in (filter_loader, test_loader):
    list(_loader.all())
# Where the collection is not on the path, nothing of it is asked for later either.
with contextlib.suppress(KeyError):
    filter_loader.get("drillbook.platform.pgbackrest_time")


_connect_once = ansible_mitogen.connection.Connection._connect_stack  # noqa: SLF001 -- it has no other place for this


def _connect_twice(self, stack):
    """Mitogen forgets what failed, so that the second call logs in anew."""
    try:
        _connect_once(self, stack)
    except AnsibleConnectionFailure:
        _connect_once(self, stack)


ansible_mitogen.connection.Connection._connect_stack = _connect_twice  # noqa: SLF001 -- likewise


class StrategyModule(ansible_mitogen.strategy.StrategyMixin, _Linear):
    """What Ansible loads by the name of this file."""
