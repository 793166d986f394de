"""The names of tasks, as a running Proxmox VE gave them."""

import re
from pathlib import Path

import pytest
from proxmoxer.tools import Tasks

from drillbook.errors import MalformedDataError
from drillbook.providers.proxmox.upid import Upid

RECORDED = (Path(__file__).parents[2] / "fixtures/proxmox/recorded.json").read_text()
UPIDS = sorted(set(re.findall(r"UPID:[^\" ]+:", RECORDED)))


def test_there_are_recorded_ones_of_several_kinds() -> None:
    assert {"qmclone", "qmdestroy", "vzdump"} <= {Upid.parse(upid).kind for upid in UPIDS}


def test_a_job_s_task_is_about_no_guest() -> None:
    assert Upid.parse("UPID:pve1:00006164:0002E157:6B0018D0:vzdump::root@pam:").guest == ""


@pytest.mark.parametrize("upid", UPIDS)
def test_proxmoxer_reads_the_same_of_each_but_the_token(upid: str) -> None:
    ours, theirs = Upid.parse(upid), Tasks.decode_upid(upid)
    assert (ours.node, ours.kind, ours.guest) == (theirs["node"], theirs["type"], theirs["id"])
    assert ours.started_at == (theirs["starttime"], theirs["pstart"])
    assert ours.user.partition("!")[0] == theirs["user"]


def test_a_token_s_task_is_told_from_its_user_s() -> None:
    upid = "UPID:pve1:00006164:0002E157:6B0018D0:vzdump:101:drillbook@pve!backups:"
    assert Upid.parse(upid).user == "drillbook@pve!backups"
    assert Tasks.decode_upid(upid)["user"] == "drillbook@pve"


@pytest.mark.parametrize(
    "text", ["UPID:pve1:00006164", "", "None", "OK", UPIDS[0].replace("UPID", "upid"), UPIDS[0] + "\n"]
)
def test_what_is_no_upid_is_refused(text: str) -> None:
    with pytest.raises(MalformedDataError, match="no task's name"):
        Upid.parse(text)
