"""PostgreSQL: its declaration, the choice of a backup set, WAL continuity and signed fingerprints."""
