"""Plan, gate, run, record, clean. Nothing is re-exported: each child loads ``drill.ledger``, and must be quick."""
