"""Draws the verdict from everything that a run found; pure."""

from collections.abc import Iterable

from drillbook.errors import DrillbookError
from drillbook.model import Check, CheckStatus, Mode, Stage, Verdict
from drillbook.run.recovery_objective import Loss


def judge(
    *, error: DrillbookError | None, checks: Iterable[Check], outcomes: Iterable[tuple[bool, Loss | None]]
) -> Verdict:
    """ERROR before FAIL before UNPROVEN before PASS; nothing skipped is ever PASS.

    ``outcomes`` says of each track whether its RTO was met, and what was lost.
    """
    if error is not None:
        return Verdict.ERROR
    statuses = {check.status for check in checks}
    missed = any(not rto_met or loss is None or loss.met is False for rto_met, loss in outcomes)
    if CheckStatus.FAILED in statuses or missed:
        return Verdict.FAIL
    return Verdict.UNPROVEN if CheckStatus.SKIPPED in statuses else Verdict.PASS


def implied_checks(
    checks: Iterable[Check], *, mode: Mode, isolated: bool | None, offset_known: bool, interrupted: bool
) -> tuple[Check, ...]:
    """Checks that must not be missing: what nobody looked at is skipped, and so the run is not PASS.

    ``interrupted`` says that the run stopped early, where missing stages are no news.
    """
    checks = tuple(checks)
    stages = {check.stage for check in checks if check.status is not CheckStatus.SKIPPED}
    left_open = any(check.stage is Stage.ISOLATION and check.status is CheckStatus.SKIPPED for check in checks)
    found = []
    if not interrupted:
        found += [
            _skipped(
                f"{stage} was carried out",
                stage,
                f"no check of the stage {stage} was reported",
                "Report checks with drillbook_check.",
            )
            for stage in (Stage.VERIFY, Stage.PROVE)
            if stage not in stages
        ]
    if mode is Mode.SANDBOX and (isolated is False or (isolated is None and not interrupted and not left_open)):
        found.append(_isolation(isolated))
    if not offset_known and not interrupted:
        found.append(
            _skipped(
                "clock offset measured",
                Stage.VERIFY,
                "no published heartbeat of the host that wrote the newest restored one was found",
                "See that the backup agent publishes into the heartbeat bucket.",
            )
        )
    return tuple(found)


def _isolation(isolated: bool | None) -> Check:
    if isolated is None:
        return _skipped(
            "isolation proven",
            Stage.ISOLATION,
            "nothing was reported about the isolation",
            "See that the drill's playbooks apply the role isolation to the sandbox.",
        )
    return Check(
        name="isolation proven",
        stage=Stage.ISOLATION,
        status=CheckStatus.FAILED,
        expected="nothing but the store and the package cache can be reached",
        actual="not isolated",
        message="the sandbox is not isolated",
        remedy="See the failed isolation checks.",
    )


def _skipped(name: str, stage: Stage, message: str, remedy: str) -> Check:
    return Check(name=name, stage=stage, status=CheckStatus.SKIPPED, message=message, remedy=remedy)
