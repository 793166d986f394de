"""What `drillbook backup` shows in the cells of its tables."""

from drillbook.machines.backups import BackupFinding, Taken
from drillbook.model import format_instant


def outcome_of(one: Taken) -> tuple[str, str]:
    """Whether it was taken, and which backup or why not."""
    if one.backup is None:
        return "FAILED", str(one.error)
    warned = f" ({'; '.join(one.warnings)})" if one.warnings else ""
    return "warned" if warned else "taken", f"{one.backup.copies[0].identifier}{warned}"


def newest_of(one: BackupFinding) -> str:
    """The newest good backup, and when it was taken."""
    newest = one.newest_good
    return f"{newest.copies[0].identifier}, {format_instant(newest.taken_at)}" if newest else "-"


def why_of(one: BackupFinding) -> str:
    """Why a machine is red, and what is wrong with newer backups than its good one."""
    newer = [f"newer {name} is damaged: {why}" for name, why in one.damaged] if one.newest_good else []
    return "; ".join(filter(None, [one.why, *newer]))


def size_of(size: int | None) -> str:
    """In GiB, or ``-`` for what the provider does not say."""
    return "-" if size is None else f"{size / 2**30:.2f} GiB"


def verdict_of(verified: bool | None) -> str:
    """What the provider itself found when it read the backup again."""
    return {None: "never", True: "yes", False: "FAILED"}[verified]
