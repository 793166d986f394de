"""What the demonstration does, in order; every figure it prints was measured in this run."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Table

from drillbook.errors import InfrastructureError
from drillbook.model import format_instant
from drillbook_lab.lab import DATABASE_HOSTS
from drillbook_lab.traffic import AcknowledgedCommits, count_lost, longest_outage
from drillbook_lab.traffic.under_load import BackgroundWriter

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from drillbook_lab.lab import Lab

DRILL_TIMEOUT = timedelta(minutes=30)


@dataclass
class Story:
    """One telling; `rows` collects what the closing table shows."""

    lab: Lab
    directory: Path
    console: Console
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)
    parts: list[tuple[str, float]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    evidence: str = ""

    def tell(self) -> bool:
        """Run everything; True when every objective was met."""
        if self.lab.exists():
            with self._part("an earlier lab of this name taken down"):
                self.lab.playbook("lab/down")
        with self._part("hosts up (images built if they are missing)"):
            self.lab.playbook("lab/up")
        with self._part("site.yml, first run"):
            self.lab.playbook("site")
        with self._part("site.yml, second run"):
            changed = sum(self.lab.playbook("site").changed().values())
        self._row("site.yml run again", "0 changed", f"{changed} changed", changed == 0)
        with self._part("full backup"):
            self.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "full"})
        self._lose_one_host()
        disaster_at = self._lose_all_hosts()
        self._drill(disaster_at)
        self._restore_in_place(disaster_at)
        self._show()
        return all(met for *_, met in self.rows)

    def _lose_one_host(self) -> None:
        acknowledged = AcknowledgedCommits(self.directory / "acknowledged-one-host.tsv")
        leader = self.lab.leader()
        with self._part(f"loss of the primary's host ({leader}) under load"):
            with BackgroundWriter(self.lab, acknowledged):
                time.sleep(5)
                self.lab.cut_power(leader)
                self._wait_for_acknowledgements(acknowledged, timedelta(seconds=90))
                time.sleep(3)
            told, lost = count_lost(self.lab.service(), acknowledged)
            self.lab.playbook("lab/up")
            self.lab.wait_for_members(len(DATABASE_HOSTS), timedelta(minutes=3))
        outage = longest_outage(acknowledged.read()).length.total_seconds()
        self._row("loss of one host: commits lost", "0", f"{lost} of {told}", lost == 0)
        self._row("loss of one host: write outage", "-", f"{outage:.1f} s", True)

    def _wait_for_acknowledgements(self, acknowledged: AcknowledgedCommits, timeout: timedelta) -> None:
        """Wait until commits are acknowledged again after the failure."""
        before = len(acknowledged.read())
        deadline = time.monotonic() + timeout.total_seconds()
        while time.monotonic() < deadline:
            if len(acknowledged.read()) > before + 20:
                return
            time.sleep(0.5)
        raise InfrastructureError(
            f"no write was acknowledged within {timeout.total_seconds():.0f} s after the failure",
            where="the load balancer",
            remedy="Look at haproxy's statistics and patronictl list.",
        )

    def _lose_all_hosts(self) -> datetime:
        acknowledged = AcknowledgedCommits(self.directory / "acknowledged-all-hosts.tsv")
        with (
            self._part("backup under load, then all database hosts destroyed"),
            BackgroundWriter(self.lab, acknowledged),
        ):
            self.lab.playbook("backup_postgresql", variables={"backup_service": "main", "backup_type": "incr"})
            time.sleep(30)
            disaster_at = datetime.now(UTC)
            for host in DATABASE_HOSTS:
                self.lab.destroy(host)
        return disaster_at

    def _drill(self, disaster_at: datetime) -> None:
        with self._part("drill: restore into the sandbox"):
            record = self._drillbook("drill", "run", "postgresql-latest", "--disaster-at", format_instant(disaster_at))
        self._judge("sandbox drill", record)

    def _restore_in_place(self, disaster_at: datetime) -> None:
        acknowledged = AcknowledgedCommits(self.directory / "acknowledged-all-hosts.tsv")
        afterwards = AcknowledgedCommits(self.directory / "acknowledged-after.tsv")
        with BackgroundWriter(self.lab, afterwards):
            with self._part("restore in place: three hosts rebuilt from the object store"):
                record = self._drillbook(
                    "restore", "main", "--in-place", "--confirm", "postgresql_main",
                    "--disaster-at", format_instant(disaster_at),
                )  # fmt: skip
            self._judge("restore in place", record)
            self._keep_evidence(record["run_id"])
            if record["error"]:
                return
            time.sleep(5)
        told, lost = count_lost(self.lab.service(), acknowledged)
        self._row("loss of all hosts: commits lost", "within the RPO", f"{lost} of {told}", True)
        after = len(afterwards.read())
        self._row("the load goes on through HAProxy", "> 0 commits", f"{after} commits", after > 0)

    def _drillbook(self, *arguments: str) -> dict[str, Any]:
        """Run it as an operator does, keep what it printed, and return its record."""
        completed = self.lab.run("drillbook", *arguments, "--quiet", timeout=DRILL_TIMEOUT)
        shown = self.lab.run("drillbook", "evidence", "show", "last", "--json")
        record: dict[str, Any] = json.loads(shown.stdout) if shown.returncode == 0 else {}
        run_id = record.get("run_id")
        if run_id is None or f"run {run_id}" not in completed.stdout:
            raise InfrastructureError(
                f"drillbook {' '.join(arguments)} ended with {completed.returncode} and no record:\n"
                f"{completed.stderr[-3000:]}",
                where=f"lab {self.lab.prefix}",
                remedy="Run it by hand; see docs/reference/cli.md.",
            )
        self._keep(f"{run_id}.txt").write_text(completed.stdout, encoding="utf-8")
        return record

    def _judge(self, name: str, record: dict[str, Any]) -> None:
        (track,) = record["tracks"]
        rto, rpo = track["rto"], track["rpo"]
        self._row(f"{name}: verdict", "PASS", record["verdict"], record["verdict"] == "PASS")
        self._row(
            f"{name}: RTO", f"{rto['objective_seconds']:.0f} s", _seconds(rto["actual_seconds"]), rto["met"] is True
        )
        self._row(
            f"{name}: RPO", f"{rpo['objective_seconds']:.0f} s", _seconds(rpo["actual_seconds"]), rpo["met"] is True
        )
        for phase in track["phases"]:
            self._row(f"  {phase['name']}", "", _seconds(phase["seconds"]), True)
        self._keep_report(record["run_id"])
        if record.get("error"):
            self.console.print(f"  {record['error']['message']}", style="bold", markup=False)
        for check in record["checks"]:
            if check["status"] != "passed":
                self.console.print(
                    f"  {check['status']}: {check['name']}: {check['actual']} {check['message']}", markup=False
                )

    def _keep(self, name: str) -> Path:
        """Where something is kept outside the lab, which is about to go."""
        path = self.lab.root / ".lab/reports" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _keep_report(self, run_id: str) -> None:
        path = self._keep(f"{run_id}.html")
        self.lab.run("drillbook", "evidence", "report", run_id, "--output", str(path))
        self.reports.append(str(path))

    def _keep_evidence(self, run_id: str) -> None:
        """The log that both reports name: they say how to verify it, with no more than openssl."""
        self.evidence = str(self._keep(f"{run_id}-evidence"))
        shutil.copytree(self.lab.variables["drillbook_evidence"]["directory"], self.evidence)

    def _row(self, name: str, objective: str, actual: str, met: bool) -> None:
        self.rows.append((name, objective, actual, met))

    def _part(self, name: str) -> _Part:
        return _Part(self, name)

    def _show(self) -> None:
        table = Table(title="Objectives and what was measured")
        for heading in ("", "objective", "actual", ""):
            table.add_column(heading)
        for name, objective, actual, met in self.rows:
            table.add_row(
                name, objective, actual, "met" if met and objective not in ("", "-") else ("" if met else "MISSED")
            )
        self.console.print(table)
        times = Table(title="Wall time of the parts")
        times.add_column("")
        times.add_column("seconds", justify="right")
        for name, seconds in self.parts:
            times.add_row(name, f"{seconds:.1f}")
        self.console.print(times)
        for report in self.reports:
            self.console.print(f"Report: {report}", markup=False, soft_wrap=True)
        self.console.print(f"Evidence: {self.evidence}", markup=False, soft_wrap=True)


class _Part:
    """A part of the story with its wall time."""

    def __init__(self, story: Story, name: str) -> None:
        self._story, self._name, self._began = story, name, 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()
        self._story.console.print(f"... {self._name}", markup=False)

    def __exit__(self, *_failure: object) -> None:
        self._story.parts.append((self._name, time.monotonic() - self._began))


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} s"
