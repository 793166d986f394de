"""Hosts whose packages are older than the archive's, as a month after their installation.

Debian holds one version of most packages. So the archive's own ones are packed again under a lower version and installed in the place of
what is there: what an update then brings, how, and in which order, is the archive's. A broken one is packed under a higher version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

OLDER, NEWER = "~older", "+newer"
"""What stands behind the archive's version: dpkg sorts the one before it, the other after it."""
SOURCE = "/etc/apt/sources.list.d/drillbook-test.list"
FOLDER = "/srv/drillbook-test"

_PACK = r"""
set -eu
rm -rf {folder}; mkdir -p {folder}/packed; cd {folder}
apt-get update --quiet --quiet
for name in {names}; do
  apt-get download --quiet --quiet "$name=$(apt-cache madison "$name" | head --lines=1 | cut --delimiter='|' --fields=2 | tr --delete ' ')"
done
for deb in *.deb; do
  rm -rf tree; dpkg-deb --raw-extract "$deb" tree
  version=$(dpkg-deb --field "$deb" Version | sed 's/[+.]/[&]/g')
  sed -i 's/^Version: .*/&{suffix}/' tree/DEBIAN/control
  for other in {names}; do sed -i -E "s/\b$other \((>?=) ($version)\)/$other (\1 \2{suffix})/g" tree/DEBIAN/control; done
  {script}
  dpkg-deb -Znone --build tree "packed/$(dpkg-deb --field "$deb" Package).deb" >/dev/null
done
rm -rf tree *.deb
"""

# Nothing is restarted by it: that is what a host looks like whose services were started after its packages were installed.
_INSTALL = r"""
set -eu
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
trap 'rm -f /usr/sbin/policy-rc.d' EXIT
DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --allow-downgrades --no-install-recommends {folder}/packed/*.deb
rm -rf {folder}
"""

_OFFER = r"""
set -eu
cd {folder}
for deb in packed/*.deb; do
  dpkg-deb --field "$deb"
  printf 'Filename: %s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat --format=%s "$deb")" "$(sha256sum "$deb" | cut --delimiter=' ' --fields=1)"
done > Packages
echo 'deb [trusted=yes] file:{folder} ./' > {source}
"""


def installed(host: Host, *names: str) -> dict[str, str]:
    """The version of each package."""
    listed = host.check_output(f"dpkg-query --show --showformat='${{Package}} ${{Version}}\\n' {' '.join(names)}")
    return dict(line.split() for line in listed.splitlines())


def make_older(host: Host, *names: str) -> dict[str, str]:
    """Install an older version of each package; return the archive's versions."""
    before = installed(host, *names)
    host.check_output(_PACK.format(folder=FOLDER, names=" ".join(names), suffix=OLDER, script=":"))
    host.check_output(_INSTALL.format(folder=FOLDER))
    assert all(version.endswith(OLDER) for version in installed(host, *names).values())
    return before


def offer_broken(host: Host, name: str, *, on: str) -> None:
    """Offer a newer version of a package, which fails as it is configured on one of the hosts that it is offered to."""
    script = f"""grep -q . tree/DEBIAN/postinst; sed -i '2i [ "$(hostname)" != {on} ] || exit 1' tree/DEBIAN/postinst"""
    host.check_output(_PACK.format(folder=FOLDER, names=name, suffix=NEWER, script=script))
    host.check_output(_OFFER.format(folder=FOLDER, source=SOURCE))


def take_back(host: Host, name: str) -> None:
    """The archive's version again, and no other one on offer."""
    host.check_output(f"rm -f {SOURCE}")
    host.check_output(_PACK.format(folder=FOLDER, names=name, suffix="", script=":"))
    host.check_output(_INSTALL.format(folder=FOLDER))
    host.check_output("apt-get update --quiet --quiet")
