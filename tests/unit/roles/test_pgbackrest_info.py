"""What pgBackRest's info says with a wrong key is still read as JSON, whatever bytes it deciphered."""

import json
import re
import subprocess
from pathlib import Path

import pytest

TASKS = Path(__file__).resolve().parents[3] / "roles/pgbackrest/tasks/info.yml"
# What it escapes by itself.
ESCAPED = b'\b\f\n\r\t"\\'


@pytest.mark.parametrize("byte", [number for number in range(256) if number not in ESCAPED])
def test_no_byte_of_a_message_keeps_it_from_being_read(byte: int) -> None:
    found = re.search(r"\| (LC_ALL=C tr [^\n]*)", TASKS.read_text(encoding="utf-8"))
    assert found is not None
    said = (
        b'[{"repo":[{"status":{"code":99,"message":"[CryptoError] unable to read \\"' + bytes([byte]) + b'\\""}}]}]\n'
    )
    filtered = subprocess.run(
        ["/bin/sh", "-c", found[1]], input=said, capture_output=True, check=True, timeout=10
    ).stdout
    assert json.loads(filtered)[0]["repo"][0]["status"]["message"].startswith("[CryptoError] unable to read")
