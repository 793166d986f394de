"""The recap is read from what ansible-playbook prints."""

from drillbook_lab.lab import Recap

OUTPUT = """
TASK [x]
PLAY RECAP *********************************************************************
db1                        : ok=12   changed=0    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0
lb1                        : ok=9    changed=2    unreachable=0    failed=0    skipped=1    rescued=0    ignored=0
"""


def test_changed_tasks_are_counted_per_host() -> None:
    assert Recap(OUTPUT, 1.0).changed() == {"db1": 0, "lb1": 2}
