"""Timed restore drills: Ansible does the work, this package keeps the time, the verdict and the evidence."""

__version__ = "0.1.0"
