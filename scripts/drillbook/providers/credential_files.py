"""The files that hold the credentials of those who ask a provider: each has only the rights that it needs."""

SNAPSHOTS_USER = "snapshots.json"
BACKUPS_USER = "backups.json"
DRILL_USER = "drill.json"
RECOVERY_USER = "recovery.json"
