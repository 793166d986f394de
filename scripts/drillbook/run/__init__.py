"""Plan, gate, run, record, clean: the life of a run, whatever kind of service it restores. Nothing is re-exported: most verbs need few of them."""
