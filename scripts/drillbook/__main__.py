"""``python -m drillbook``."""

from drillbook.cli import main

main()
