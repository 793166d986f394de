"""The adapter around ansible-runner: environment, strategy, and what a failure becomes."""

import os
import re
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.ansible.test_events import Seen

from drillbook.ansible import Order, PlaybookFailedError
from drillbook.ansible.runner import AnsibleRunnerPlaybooks
from drillbook.clock import SystemClock

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def playbooks(root: Path, **options: Any) -> AnsibleRunnerPlaybooks:
    return AnsibleRunnerPlaybooks(root=root, inventories=[root / "hosts"], clock=SystemClock(), **options)


def order(root: Path, directory: Path, content: str) -> Order:

    (root / "ansible.cfg").write_text("[defaults]\n")
    (root / "hosts").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    (root / "play.yml").write_text(content)
    directory.mkdir()
    return Order("restore", "play.yml", "run-1", {"word": "hello"}, timedelta(seconds=120), directory)


def test_host_keys_are_checked_and_mitogen_is_only_on_demand(tmp_path: Path) -> None:
    any_order = order(tmp_path, tmp_path / "run", "[]")
    plain = playbooks(tmp_path)._environment(any_order)
    assert plain["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert plain["DRILLBOOK_RUN_ID"] == "run-1"
    assert "ANSIBLE_STRATEGY" not in plain
    fast = playbooks(tmp_path, mitogen=True)._environment(any_order)
    assert fast["ANSIBLE_STRATEGY"] == "mitogen_unpinned"
    assert Path(fast["ANSIBLE_STRATEGY_PLUGINS"]) == tmp_path / "plugins/strategy"


AFFINITY = """\
- name: Where are the processes?
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Ask a child
      ansible.builtin.command: nproc
      register: answer
    - name: Show it
      ansible.builtin.fail:
        msg: "{{ answer.stdout }} of {{ lookup('pipe', 'nproc') }} cores"
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core: there is nothing to be kept from")
def test_mitogen_keeps_no_process_from_a_core(tmp_path: Path) -> None:
    """Its own strategies pin what a playbook starts: on two cores to one of them, the lab's containers with it."""
    any_order = order(tmp_path, tmp_path / "run", AFFINITY)
    (tmp_path / "plugins").symlink_to(ROOT / "plugins")
    cores = len(os.sched_getaffinity(0))
    with pytest.raises(PlaybookFailedError, match=f"{cores} of {cores} cores"):
        playbooks(tmp_path, mitogen=True).run(any_order, Seen(), lambda: None)


WAITED = f"""\
- name: How long may the replay take?
  hosts: localhost
  gather_facts: false
  vars:
    postgresql_restore_timeout_seconds: 3600
  vars_files: [{ROOT}/roles/postgresql/vars/main/restore.yml]
  tasks:
    - name: Show it
      ansible.builtin.fail:
        msg: "it may take {{{{ __postgresql_restore_seconds }}}} s"
"""


def test_what_waits_within_a_step_ends_before_it_is_killed(tmp_path: Path) -> None:
    """Who is killed says nothing of the cause."""
    any_order = order(tmp_path, tmp_path / "run", WAITED)
    with pytest.raises(PlaybookFailedError) as failed:
        playbooks(tmp_path).run(any_order, Seen(), lambda: None)
    (seconds,) = re.findall(r"it may take (\d+) s", str(failed.value))
    assert 30 < int(seconds) <= 105


FILTER = """\
import os
from pathlib import Path

with Path(__file__).with_name("loaded").open("a") as file:
    file.write(f"{os.getpid()}\\n")


class FilterModule:
    def filters(self):
        return {"same": lambda value: value}
"""
FILTERED = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ 'one' | NAME }}"}
    - ansible.builtin.debug: {msg: "{{ 'two' | NAME }}"}
    - ansible.builtin.debug: {msg: "{{ 'three' | NAME }}"}
"""


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("filter_plugins", "same"),
        ("own/ansible_collections/drillbook/platform/plugins/filter", "drillbook.platform.same"),
    ],
)
def test_with_mitogen_a_filter_is_loaded_once_and_not_in_each_task(tmp_path: Path, folder: str, name: str) -> None:
    """Ansible's own strategies load it in the process of each task, with all others that there are."""
    any_order = order(tmp_path, tmp_path / "run", FILTERED.replace("NAME", name))
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncollections_path = own\n")
    (tmp_path / "plugins").symlink_to(ROOT / "plugins")
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "same.py").write_text(FILTER)
    playbooks(tmp_path, mitogen=True).run(any_order, Seen(), lambda: None)
    assert len((tmp_path / folder / "loaded").read_text().split()) == 1


PLAY = """\
- name: "(1/1) transfer: Try"
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Say
      ansible.builtin.fail:
        msg: "{{ word }}: disk is too small"
"""


class Leaping(SystemClock):
    """Every look at it is three quarters of a minute after the last one."""

    looks = 0

    def monotonic(self) -> timedelta:
        self.looks += 1
        return timedelta(seconds=45 * self.looks)


def test_a_task_that_runs_for_long_is_told_of_once_a_minute(tmp_path: Path) -> None:
    waits = "[{hosts: localhost, gather_facts: false, tasks: [{name: Copy it all, command: sleep 4}]}]"
    asked = replace(order(tmp_path, tmp_path / "run", waits), timeout=timedelta(days=1))
    seen = Seen()
    AnsibleRunnerPlaybooks(root=tmp_path, inventories=[tmp_path / "hosts"], clock=Leaping()).run(
        asked, seen, lambda: None
    )
    assert {task for task, _ in seen.running} == {"Copy it all"}
    told = [running for _, running in seen.running]
    assert min(later - earlier for earlier, later in pairwise([timedelta(), *told])) >= timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAY, "hello: disk is too small"),
        (PLAY.replace("ansible.builtin.fail", "no.such.module"), "couldn't resolve module"),
        ("- hosts: [", "failed before any task"),
    ],
)
def test_failures_name_their_cause_and_leave_nothing(tmp_path: Path, content: str, message: str) -> None:
    directory = tmp_path / "run"
    with pytest.raises(PlaybookFailedError) as caught:
        playbooks(tmp_path).run(order(tmp_path, directory, content), Seen(), lambda: None)
    assert message in caught.value.message
    assert "\x1b" not in caught.value.message
    assert "step restore" in caught.value.where
    assert [path.name for path in directory.iterdir()] == ["ledger.jsonl"]
