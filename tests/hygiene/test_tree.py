"""The tree holds no secret, no address of anyone's workplace, no stub, and its scripts are sound."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
# Patterns are put together so that this file does not match itself.
FORBIDDEN = {
    "a private key": re.compile("-----BEGIN (?:[A-Z]+ )?PRIVATE " + "KEY-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token": re.compile(r"\b(?:ghp|gho|glpat|xoxb|xoxp)[-_][A-Za-z0-9-]{20,}"),
    "a path of somebody's workplace": re.compile(
        r"(?<![\w.-])/(?:wor" + r"k|home/\w+|Users/\w+)/\w|\.\./shar" + r"ed\b|/opt/(?:whe" + "els|py" + "pi)"
    ),
    "a reference to notes outside the tree": re.compile(r"\bFAC" + r"TS\b"),
    "an image or package registry": re.compile(
        r"\b(?:docker\.io|quay\.io|ghcr\.io|gcr\.io|[\w-]+\.pkg\.dev|registry\.[\w-]+\.\w+)\b|--(?:extra-)?index-ur[l]|--find-link[s]"
    ),
    "an unfinished piece": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"),
    "a merge conflict": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
}
# The licence is other people's text.
TEXT_OF_OTHERS = {"LICENSE"}
# Messages that tell a person which option to use, or tests that look for a secret, may name one; each with its reason.
EXCEPTIONS: dict[str, set[str]] = {}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_that_must_not_be_committed(files: list[Path], what: str) -> None:
    found = []
    for path in files:
        name = str(path.relative_to(ROOT))
        if name in TEXT_OF_OTHERS or name in EXCEPTIONS.get(what, set()):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        # A command that pip-compile writes into the lock's head names the options it was given.
        lines = (line for line in text.splitlines() if not line.startswith("#    pip-compile"))
        found += [f"{name}: {line.strip()[:120]}" for line in lines if FORBIDDEN[what].search(line)]
    assert not found


def test_shell_scripts_are_strict_and_executable(files: list[Path]) -> None:
    wrong = []
    for path in files:
        if path.suffix in {"", ".sh"} and path.stat().st_size and path.read_bytes().startswith(b"#!/usr/bin/env bash"):
            body = path.read_text(encoding="utf-8")
            if not os.access(path, os.X_OK):
                wrong.append(f"{path}: not executable")
            if "set -euo pipefail" not in body and "\nexec " not in body:
                wrong.append(f"{path}: no 'set -euo pipefail'")
    assert not wrong
