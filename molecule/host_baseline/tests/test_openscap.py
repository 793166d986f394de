"""What OpenSCAP finds on a Debian 12 host, for which there is content, is named in docs/reference/hardening.md with its reason."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from testinfra.host import Host

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/hardening.md"
CONTENT = "/usr/share/xml/scap/ssg/content/ssg-debian12-ds.xml"
RULE = "xccdf_org.ssgproject.content_rule_"
RESULT = re.compile(rf"^Rule\s+{RULE}(\S+)$.*?^Result\s+(\S+)$", re.MULTILINE | re.DOTALL)
# Debian 12's own package of the content has none for Debian 12; Debian 13's has.
FETCH = """
set -eu
cd "$(mktemp -d)"
mkdir -p lists/partial sources
sed -e '/^$/,$d' -e s/bookworm-updates// -e s/bookworm/trixie/ /etc/apt/sources.list.d/debian.sources >sources/trixie.sources
set -- -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$PWD/sources" -o Dir::State::Lists="$PWD/lists"
apt-get "$@" update
apt-get "$@" download ssg-debian
dpkg-deb --extract ssg-debian_*.deb /
"""


@pytest.fixture
def audited(host: Host) -> Host:
    host.check_output("apt-get install --yes --no-install-recommends openscap-scanner")
    host.check_output(FETCH)
    return host


def results(host: Host, profile: str) -> dict[str, str]:
    """Each rule of a profile, and what came of it. The exit status is 2 where one failed."""
    run = host.run(f"oscap xccdf eval --profile xccdf_org.ssgproject.content_profile_{profile} {CONTENT}")
    assert run.rc in (0, 2), run.stderr
    return dict(RESULT.findall(run.stdout))


def says_something(found: dict[str, str]) -> bool:
    """Whether most of a profile's rules can be asked of the host at all."""
    counted = Counter(found.values())
    return counted["pass"] + counted["fail"] > len(found) / 2


@pytest.mark.parametrize("name", ["deb12"])
def test_openscap_finds_nothing_that_is_not_named(audited: Host) -> None:
    found = results(audited, "anssi_bp28_minimal")
    assert says_something(found), found
    failed = {rule for rule, result in found.items() if result not in ("pass", "notapplicable", "notchecked")}
    left = set(
        re.findall(r"^\| `([a-z0-9_]+)` \|", PAGE.read_text(encoding="utf-8").partition("## OpenSCAP")[2], re.MULTILINE)
    )
    assert failed == left


@pytest.mark.parametrize("name", ["deb12"])
def test_a_profile_that_hardly_applies_says_nothing(audited: Host) -> None:
    """Nothing fails in it, for it asks about machines: most of it is not applicable to a container."""
    found = results(audited, "standard")
    assert "fail" not in found.values()
    assert not says_something(found)
