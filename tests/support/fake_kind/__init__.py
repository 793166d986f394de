"""A kind of service that lives in the tests: documents in a folder, restored by the real playbooks, runner, ledger and evidence."""
