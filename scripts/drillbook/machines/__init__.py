"""Groups of whole machines, against whatever provider they have: snapshots, backups, and the drills that restore them."""
