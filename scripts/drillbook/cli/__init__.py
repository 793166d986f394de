"""The command line: one thin module per verb, arguments to one call to one printed result."""

from drillbook.cli.main import main

__all__ = ["main"]
