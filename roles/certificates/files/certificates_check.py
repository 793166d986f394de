#!/usr/bin/python3
"""Watch over a host's certificates: fail some days before one ends, and write a textfile metric of when each does.

Where one ends, etcd, Patroni, PostgreSQL and a restore stop together. `site.yml` renews what is due; this tells that nobody ran it.
Exits 1 on an alarm, and where a certificate can't be read. It needs python3-cryptography, which the role has installed.
"""

import argparse
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

METRIC = "drillbook_certificate_not_after_seconds"


PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def ends(path: Path) -> datetime:
    """Return when the first of a file's certificates ends; raises OSError or ValueError where there is none."""
    # An authority that is being rotated has two. Debian 12's library has no call that reads both.
    found = [x509.load_pem_x509_certificate(pem) for pem in PEM.findall(path.read_bytes())]
    if not found:
        message = "there is no certificate in it"
        raise ValueError(message)
    return min(end(certificate) for certificate in found)


def end(certificate: x509.Certificate) -> datetime:
    """Return when it ends; Debian 12's library says it without a time zone, in UTC."""
    told = getattr(certificate, "not_valid_after_utc", None)
    return told if told is not None else certificate.not_valid_after.replace(tzinfo=UTC)


def write(metrics: Path, found: dict[str, datetime]) -> None:
    """Replace the metric in one step, so that nobody reads half of it."""
    lines = [f"# HELP {METRIC} When the certificate ends, in seconds since 1970.", f"# TYPE {METRIC} gauge"]
    lines += [f'{METRIC}{{certificate="{name}"}} {end.timestamp():.0f}' for name, end in sorted(found.items())]
    with tempfile.NamedTemporaryFile("w", dir=metrics.parent, delete=False, encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(metrics)


def alarms(directory: Path, before: timedelta, now: datetime) -> tuple[dict[str, datetime], list[str]]:
    """Return when each certificate ends, and a sentence for each that ends too soon or can't be read."""
    found: dict[str, datetime] = {}
    told = []
    for path in sorted(directory.glob("*.crt")):
        try:
            found[path.stem] = end = ends(path)
        except (OSError, ValueError) as error:
            told.append(f"{path} can't be read: {error}")
            continue
        if end - now < before:
            left = (end - now).total_seconds() / 86400
            told.append(
                f"{path} ends on {end:%Y-%m-%d}, in {left:.0f} days: run site.yml --tags certificates, or remove what nothing uses"
            )
    return found, told


def main() -> int:
    """Look once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--before-days", type=int, required=True)
    parser.add_argument("--metrics", type=Path, required=True)
    options = parser.parse_args()
    found, told = alarms(options.directory, timedelta(days=options.before_days), datetime.now(UTC))
    write(options.metrics, found)
    sys.stderr.writelines(f"{sentence}\n" for sentence in told)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
