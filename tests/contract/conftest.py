"""What this machine gives to containers of the tests' own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.providers.lab import ROOT, base_image

from drillbook import process


@pytest.fixture(scope="session")
def containers_conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this machine allows podman, written by the role that writes it for every lab; the base image is `scripts/test`'s to build."""
    directory = tmp_path_factory.mktemp("lab")
    argv = [
        "ansible-playbook",
        "playbooks/lab/images.yml",
        "--tags",
        "lab_host_files",
        "-e",
        f"lab_host_directory={directory}",
    ]
    made = process.run(argv, timeout=timedelta(minutes=3), directory=ROOT)
    assert made.returncode == 0, made.stdout + made.stderr
    path = directory / "containers.conf"
    found = process.run(
        ("podman", "image", "exists", base_image()),
        timeout=timedelta(minutes=1),
        environment={"CONTAINERS_CONF": str(path)},
    )
    if found.returncode != 0:
        pytest.fail(f"there is no image {base_image()}: start these tests with scripts/test.", pytrace=False)
    return path
