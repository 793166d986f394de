#!/usr/bin/python3
"""Watch over held packages: fail where a security update waits for one of them, and write a textfile metric of how many there are.

Unattended updates leave them alone, as each would restart a database at a moment that nobody chose. So somebody has to be told.
Exits 1 on an alarm. It needs python3-apt, which unattended-upgrades has installed, and reads the lists that apt has fetched.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

METRIC = "drillbook_held_security_updates"
SECURITY = "Debian-Security"


def waiting(packages: Iterable[Any], patterns: Iterable[str]) -> list[str]:
    """Return a sentence for each installed package that one of the patterns holds and for which a newer version is a security update.

    Each package has the attributes of python-apt's: name, installed, and versions with their origins.
    """
    told = []
    for package in packages:
        if not package.installed or not any(re.match(pattern, package.name) for pattern in patterns):
            continue
        newer = [version for version in package.versions if version > package.installed]
        fixes = [version for version in newer if any(origin.label == SECURITY for origin in version.origins)]
        if fixes:
            told.append(
                f"{package.name}: {max(fixes).version} is a security update, and {package.installed.version} is installed"
            )
    return sorted(told)


def write(metrics: Path, count: int) -> None:
    """Replace the metric in one step, so that nobody reads half of it."""
    lines = [
        f"# HELP {METRIC} Packages that unattended updates leave alone and that a security update waits for.",
        f"# TYPE {METRIC} gauge",
        f"{METRIC} {count}",
    ]
    with tempfile.NamedTemporaryFile("w", dir=metrics.parent, delete=False, encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(metrics)


def main() -> int:
    """Look once."""
    import apt  # noqa: PLC0415 - Debian's own Python has it
    import apt_pkg  # noqa: PLC0415

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", type=Path, required=True)
    options = parser.parse_args()
    apt_pkg.init_config()
    # In memory: apt's own file belongs to those who change something.
    apt_pkg.config.set("Dir::Cache::pkgcache", "")
    told = waiting(apt.Cache(), apt_pkg.config.value_list("Unattended-Upgrade::Package-Blacklist"))
    write(options.metrics, len(told))
    sys.stderr.writelines(f"{sentence}\n" for sentence in told)
    if told:
        sys.stderr.write("Run playbooks/update.yml: it takes one host after the other.\n")
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
