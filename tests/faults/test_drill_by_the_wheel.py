"""The wheel alone: installed on a bare machine by pipx, with no clone there, it makes an inventory and carries a drill out."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import wanting
from tests.contract.providers.lab import base_image
from tests.faults.conftest import DRILL
from tests.support.controller import HOME, Controller
from tests.support.guests import StandingHost, standing_host
from tests.support.guests.standing import STORE_CA
from tests.support.wheel import copy_of_the_clone, documented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.conftest import Drills

    from drillbook_lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OWN = f"{HOME}/own"
ALL = f"{OWN}/inventory/group_vars/all"
POSTGRESQL = f"{OWN}/inventory/group_vars/postgresql"
BEGIN = f". {OWN}/environment; "
FETCH, INSTALL = documented("Where no index can be reached")
# What the lab's cluster was made with, by the names that the vaulted file of the model has.
SECRETS = {
    "vault_etcd_patroni": "etcd_patroni",
    "vault_etcd_root": "etcd_root",
    "vault_fingerprint_signing_key": "fingerprint_signing_key",
    "vault_pgbackrest_cipher": "pgbackrest_cipher",
    "vault_pgbouncer": "pgbouncer_auth",
    "vault_postgresql_app": "postgresql_app",
    "vault_postgresql_drillbook_agent": "postgresql_drillbook_agent",
    "vault_postgresql_replication": "postgresql_replication",
    "vault_postgresql_restapi": "postgresql_restapi",
    "vault_postgresql_rewind": "postgresql_rewind",
    "vault_postgresql_superuser": "postgresql_superuser",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page on installing has fetched in a clone."""
    clone = copy_of_the_clone(tmp_path_factory.mktemp("clone") / "drillbook")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-euc", FETCH], cwd=clone, env={**os.environ, "PATH": path}, check=True)  # noqa: S607 - bash is in the PATH
    return clone / "wheels"


@pytest.fixture(scope="module")
def sandbox(drills: Drills) -> Iterator[StandingHost]:
    with standing_host(drills.lab) as host:
        yield host


@pytest.fixture(scope="module")
def controller(drills: Drills, wheels: Path, sandbox: StandingHost) -> Iterator[Controller]:
    """Configured for the lab's cluster as its operator would: what `drillbook init` made, and the words that it can't know."""
    lab = drills.lab
    with Controller(lab, base_image(), wheels, INSTALL) as made:
        made.write(f"{HOME}/sudo_password", sandbox.password + "\n")
        addresses = {host: lab.address(host) for host in ("db1", "db2", "db3", "lb1")} | {"sandbox1": sandbox.address}
        made.output(
            f"drillbook init own --user {sandbox.user} --become-password-file sudo_password "
            "--endpoint https://store1:7480 --region default "
            + " ".join(f"--address {host}={address}" for host, address in addresses.items())
        )
        configure(made, lab, sandbox)
        yield made


def configure(controller: Controller, lab: Lab, sandbox: StandingHost) -> None:
    controller.root(f"cat >{STORE_CA}", stdin=lab.ca_file.read_text(encoding="utf-8"))
    for name in ("id_ed25519", "id_ed25519.pub"):
        controller.write(f"{OWN}/ssh/{name}", (lab.state / "ssh" / name).read_text(encoding="utf-8"))
    controller.write(f"{OWN}/ssh/known_hosts", sandbox.known_host)
    for keys in (lab.state / "secrets/object_store").glob("*.json"):
        controller.write(f"{OWN}/object_store/{keys.name}", keys.read_text(encoding="utf-8"))
    # A log that begins anew needs one of its own, also in a lab that was kept.
    prefix = f"wheel-{secrets.token_hex(4)}/"
    controller.edit(
        f"{ALL}/drillbook.yml",
        {
            "{bucket: example-repository, path: /}": "{bucket: repository, path: /pgbackrest}",
            "evidence_bucket: example-evidence": "evidence_bucket: evidence",
            "heartbeat_bucket: example-heartbeat": "heartbeat_bucket: heartbeat",
            "  region: default": f"  region: default\n  ca_file: {STORE_CA}",
        },
    )
    controller.output(f"sed -i 's|anchor_prefix: .*|anchor_prefix: {prefix}|' {ALL}/drillbook.yml")
    controller.output(f"grep -q 'anchor_prefix: {prefix}' {ALL}/drillbook.yml")
    controller.edit(f"{ALL}/store.yml", {"/etc/ssl/certs/ca-certificates.crt": STORE_CA})
    controller.edit(f"{POSTGRESQL}/pgbackrest.yml", {"  port:": "  uri_style: path\n  port:"})
    vault, script = f"{ALL}/vault.yml", f"{HOME}/secrets.sed"
    texts = {name: (lab.state / "secrets" / file).read_text(encoding="utf-8") for name, file in SECRETS.items()}
    controller.write(script, "".join(f"s|^{name}: .*|{name}: '{text.strip()}'|\n" for name, text in texts.items()))
    edit = f"ansible-vault decrypt {vault}; sed -i -f {script} {vault}; ansible-vault encrypt {vault}; rm {script}"
    controller.output(f"{BEGIN} {edit}")


def test_it_is_the_package_and_no_clone(controller: Controller) -> None:
    platform = controller.output("drillbook --platform").strip()
    assert platform.endswith("/site-packages/drillbook/ansible_collections/drillbook/platform")
    assert controller.run(f"touch {platform}/file").returncode != 0, "the user can write the package"
    controller.output(f"{BEGIN} cd {platform}; ansible-playbook playbooks/site.yml --syntax-check")


def test_a_provider_whose_library_is_an_extra_is_refused_by_name(controller: Controller) -> None:
    controller.output("mkdir -p more/group_vars; echo 'all: {}' >more/hosts.yml")
    place = {"name": "cluster", "kind": "proxmox", "host": "pve1", "tokens_directory": f"{OWN}/proxmox"}
    said = {"drillbook_providers": [place], "drillbook_sandboxes": [{"host": "sandbox1", "provider": "cluster"}]}
    controller.write(f"{HOME}/more/group_vars/all.yml", json.dumps(said))
    checked = controller.run(f"{BEGIN} drillbook config check -i own/inventory -i more")
    assert checked.returncode == 2
    assert "the provider cluster (proxmox) needs the Python library" in checked.stdout
    assert "pip install 'drillbook[proxmox]'" in checked.stdout


@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "C"}, {"LANG": "xx_YY.UTF-8"}, {"HOME": ""}], ids=str)
def test_the_inventory_that_init_made_is_whole(controller: Controller, environment: dict[str, str]) -> None:
    assert "no fault" in controller.output(f"{BEGIN} drillbook config check", **environment)


def test_postgresql_is_drilled(drills: Drills, controller: Controller) -> None:
    ran = controller.run(f"{BEGIN} drillbook drill run {DRILL} --json")
    record = json.loads(ran.stdout)
    assert (wanting(record), ran.returncode) == ([], 0), ran.stderr
    assert record["tracks"][0]["facts"]["machines"] == [{"host": "sandbox1", "identifier": "sandbox1"}]
    controller.output(f"{BEGIN} drillbook evidence verify")
    assert drills.lab.sandboxes() == []
