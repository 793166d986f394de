"""What a run writes down as it goes: its events, and what it is about to create. Nothing is re-exported: each child loads ``ledger``, and must be quick."""
