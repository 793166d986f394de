#!/usr/bin/python3
"""Module: where this machine gets Debian from."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: lab_debian_mirror
short_description: Find the Debian mirror that this machine's apt is configured with
description:
  - Reads deb822 and one-line sources and the apt proxy, and asks the mirror which suites of a release it has. Changes nothing.
options:
  release:
    description: Code name of the Debian release wanted.
    type: str
    required: true
  mirror:
    description: Take this mirror instead of the configured one.
    type: str
    default: ""
  security_mirror:
    description: Take this mirror for security updates instead of the configured one.
    type: str
    default: ""
  probe:
    description: Ask the mirror which suites exist. Without, only the addresses are returned.
    type: bool
    default: true
author: drillbook
"""

RETURN = r"""
sources: {description: Lines of a sources.list; empty where mmdebstrap's own default is to be used., type: list, returned: always}
addresses: {description: The mirrors' addresses., type: list, returned: always}
keyring: {description: File with the archive keys., type: str, returned: always}
proxy: {description: Proxy that apt uses, or an empty string., type: str, returned: always}
"""

DEFAULT_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Source(NamedTuple):
    """One archive and suite."""

    address: str
    suite: str
    keyring: str


def one_line_sources(text: str) -> list[Source]:
    """``deb [options] address suite components...``; comments and deb-src are passed over."""
    found = []
    for line in text.splitlines():
        match = re.match(
            r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<address>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)",
            line.strip(),
        )
        if match and "main" in match["components"].split():
            options = dict(option.split("=", 1) for option in shlex.split(match["options"] or "") if "=" in option)
            found.append(Source(match["address"], match["suite"], options.get("signed-by", "")))
    return found


def deb822_sources(text: str) -> list[Source]:
    """Stanzas of a ``.sources`` file; disabled ones are passed over, and a key written into the stanza itself is left out."""
    found = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in (" ", "\t"):
                fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
            elif ":" in line:
                name, value = line.split(":", 1)
                name = name.strip().lower()
                fields[name] = value.strip()
        wanted = fields.get("enabled", "yes").lower() not in ("no", "false", "0")
        if (
            not wanted
            or "deb" not in fields.get("types", "").split()
            or "main" not in fields.get("components", "").split()
        ):
            continue
        keyring = fields.get("signed-by", "")
        keyring = keyring.split()[0] if keyring.startswith("/") else ""
        found += [
            Source(address, suite, keyring)
            for address in fields.get("uris", "").split()
            for suite in fields.get("suites", "").split()
        ]
    return found


def configured_sources(root: Path = Path("/etc/apt")) -> list[Source]:
    """Everything apt is configured with, in apt's order."""
    found = []
    for path in [root / "sources.list", *sorted((root / "sources.list.d").glob("*"))]:
        if path.is_file() and path.suffix == ".list":
            found += one_line_sources(path.read_text(encoding="utf-8", errors="replace"))
        elif path.is_file() and path.suffix == ".sources":
            found += deb822_sources(path.read_text(encoding="utf-8", errors="replace"))
    return found


def choose(sources: list[Source], codename: str) -> tuple[Source | None, Source | None]:
    """The archive itself and the one for security updates, recognised by their suites."""
    names = {codename, "stable", "oldstable", "testing"}
    security_names = {f"{name}{ending}" for name in names for ending in ("-security", "/updates")}
    main = next((source for source in sources if source.suite in names), None)
    security = next((source for source in sources if source.suite in security_names), None)
    return main, security


def operating_system() -> dict[str, str]:
    """Fields of os-release."""
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}


def has_suite(address: str, suite: str, target: str) -> bool:
    """Whether the mirror has a suite, asked with apt's own downloader (its proxy, its certificates, its credentials)."""
    url = f"{address.rstrip('/')}/dists/{suite}/InRelease"
    return (
        subprocess.run(
            ["/usr/lib/apt/apt-helper", "download-file", url, target], capture_output=True, check=False, timeout=120
        ).returncode
        == 0
    )


def apt_proxy() -> str:
    """The proxy in apt's configuration or in the environment."""
    answer = subprocess.run(
        ["/usr/bin/apt-config", "shell", "PROXY", "Acquire::http::Proxy"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    ).stdout
    match = re.match(r"PROXY='(.*)'", answer)
    proxy = match[1] if match else os.environ.get("http_proxy", "")
    return "" if proxy.upper() == "DIRECT" else proxy


def main() -> None:
    """Module entry point."""
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "str", "required": True},
            "mirror": {"type": "str", "default": ""},
            "security_mirror": {"type": "str", "default": ""},
            "probe": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    release = module.params["release"]
    system = operating_system()
    archive, security = (
        choose(configured_sources(), system.get("VERSION_CODENAME", ""))
        if system.get("ID") == "debian"
        else (None, None)
    )
    mirror = module.params["mirror"] or (archive.address if archive else "")
    security_mirror = module.params["security_mirror"] or (security.address if security else "")
    keyring = archive.keyring if archive and archive.keyring and Path(archive.keyring).is_file() else DEFAULT_KEYRING
    if not Path(keyring).is_file():
        module.fail_json(
            msg=f"{keyring} does not exist: install the package debian-archive-keyring, or run scripts/bootstrap."
        )
    candidates = [(mirror, release), (mirror, f"{release}-updates"), (security_mirror, f"{release}-security")]
    candidates = [(address, suite) for address, suite in candidates if address]
    if module.params["probe"]:
        target = str(Path(module.tmpdir) / "InRelease")
        found = [(address, suite) for address, suite in candidates if has_suite(address, suite, target)]
        if candidates and (mirror, release) not in found:
            module.fail_json(
                msg=f"The configured Debian mirror has no {release}. Set lab_debian_mirror to one that has it."
            )
        candidates = found
    module.exit_json(
        changed=False,
        sources=[f"deb {address} {suite} main" for address, suite in candidates],
        addresses=list(dict.fromkeys(address for address, _ in candidates)),
        keyring=keyring,
        proxy=apt_proxy(),
    )


if __name__ == "__main__":
    main()
