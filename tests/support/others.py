"""PostgreSQL clusters that no role of drillbook ever configured: a container with Debian's packages, set up by hand as its owner would."""

from __future__ import annotations

import json
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.support.guests.containers import options_of, podman_of

from drillbook.providers.lab.podman import LAB_LABEL

if TYPE_CHECKING:
    from drillbook_lab.lab import Lab

PAGE = Path(__file__).resolve().parents[2] / "docs/how-to/drill-a-cluster-of-others.md"
CA = "/etc/drillbook/tls/ca.crt"
WAIT_SECONDS = 60
BOOTED = "until systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do sleep 0.2; done"


def files_of_page() -> dict[str, Any]:
    """The page's inventory, as who copies it gets it: path -> content."""
    blocks = re.findall(
        r"^```yaml\n# (\S+\.yml)\b.*?\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return {path: yaml.safe_load(text) for path, text in blocks}


def hba_of_page() -> str:
    """The line that lets the agent in."""
    found = re.search(r"^```\n(local drillbook .+)\n```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


class ClusterOfOthers:
    """One host in the lab's production network; ``overlay`` is its part of an inventory, by the page."""

    def __init__(self, lab: Lab, number: int, port: int, superuser: str) -> None:
        self.lab = lab
        self.port = port
        self.superuser = superuser
        self._podman = podman_of(lab)
        self._name = f"{lab.prefix}-guest-others{number}"
        self.address = lab.address("store1").rpartition(".")[0] + f".{number}"
        # Buckets with versions forget nothing: each cluster has a folder, and heartbeats, of its own.
        token = secrets.token_hex(4)
        self.path, self.service = f"/others-{token}", f"billing-{token}"
        self.cipher, self.probe, self.agent = (secrets.token_hex(12) for _ in range(3))

    def start(self) -> None:
        """Boot it, with root's key of the lab."""
        found = self._podman.inspect(f"{self.lab.prefix}-sandbox1.template")
        assert found is not None
        self._podman.call(
            *("run", "--detach", "--name", self._name, "--hostname", "billing1"),
            *(f"--label={LAB_LABEL}={self.lab.prefix}", *options_of(self._podman, self.lab)),
            f"--network={self.lab.prefix}-production:ip={self.address}",
            *(f"--add-host=store1:{self.lab.address('store1')}", str(found["ImageName"]), "/sbin/init"),
            where=self._name,
        )
        self.shell(f"{BOOTED}; ssh-keygen -A >/dev/null; systemctl reset-failed ssh; systemctl restart ssh")
        self.write("/root/.ssh/authorized_keys", (self.lab.state / "ssh/id_ed25519.pub").read_text(), "root", "0600")
        self.write(CA, self.lab.ca_file.read_text(), "root", "0644")

    def remove(self) -> None:
        """With all that is in it."""
        self._podman.call("rm", "--force", "--time", "0", "--volumes", "--ignore", self._name, where=self._name)

    def shell(self, script: str) -> str:
        """What a script prints; it must succeed."""
        return self._podman.call("exec", self._name, "bash", "-c", f"set -e\n{script}", where=self._name)

    def write(self, path: str, content: str, owner: str = "postgres", mode: str = "0640") -> None:
        """Put a file there."""
        folder = path.rpartition("/")[0]
        quoted = content.replace("'", "'\\''")
        self.shell(f"install -d {folder}; printf '%s\\n' '{quoted}' >{path}; chown {owner} {path}; chmod {mode} {path}")

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What a statement answers, as the superuser through the socket."""
        quoted = statement.replace("'", "'\\''")
        return self.shell(
            f"runuser -u postgres -- psql -XAtq --port={self.port} --username={self.superuser} "
            f"--set=ON_ERROR_STOP=1 --command='{quoted}' {database}"
        ).strip()

    def configure_backups(self, stanza: str, data: str) -> None:
        """pgBackRest by hand: one file, with everything in it."""
        keys = json.loads((self.lab.state / "secrets/object_store/repository_writer.json").read_text(encoding="utf-8"))
        self.write(
            "/etc/pgbackrest.conf",
            f"[global]\nrepo1-type=s3\nrepo1-path={self.path}\nrepo1-s3-endpoint=store1\nrepo1-s3-bucket=repository\n"
            f"repo1-s3-region=default\nrepo1-s3-uri-style=path\nrepo1-storage-port=7480\nrepo1-storage-ca-file={CA}\n"
            f"repo1-s3-key={keys['access_key']}\nrepo1-s3-key-secret={keys['secret_key']}\nrepo1-cipher-type=aes-256-cbc\n"
            f"repo1-cipher-pass={self.cipher}\nrepo1-retention-full=2\nrepo1-bundle=y\nrepo1-block=y\nstart-fast=y\n"
            f"[{stanza}]\npg1-path={data}\npg1-port={self.port}\npg1-user={self.superuser}",
        )

    def back_up(self, stanza: str) -> None:
        """The stanza and a full backup."""
        for command in ("stanza-create", "--type=full backup"):
            self.shell(f"runuser -u postgres -- pgbackrest --stanza={stanza} --log-level-console=warn {command}")

    def end_segment(self) -> None:
        """Have all that was written archived."""
        self.sql("select pg_logical_emit_message(true, 'test', 'x')")
        segment = self.sql("select pg_walfile_name(pg_switch_wal())")
        for _ in range(WAIT_SECONDS):
            if (self.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver")) >= segment:
                return
            time.sleep(1)
        raise AssertionError(f"{segment} was not archived within {WAIT_SECONDS} s")

    def overlay(self, folder: Path, *, heartbeat: bool, **service: Any) -> list[str]:
        """Write the page's inventory with this cluster's values; return the options that lay it over the lab's."""
        store = dict(self.lab.variables["drillbook_object_store"])
        store["repositories"] = {**store["repositories"], "billing": {"bucket": "repository", "path": self.path}}
        files = {
            name: content
            for name, content in files_of_page().items()
            if name.startswith(("hosts", "group_vars/billing"))
        }
        if not heartbeat:
            del files["group_vars/billing_databases/heartbeat.yml"]
        known = folder.with_name(f"{folder.name}.known_hosts")
        folder.mkdir(parents=True, exist_ok=True)
        known.write_text(f"{self.address} {self.shell('cat /etc/ssh/ssh_host_ed25519_key.pub')}", encoding="utf-8")
        hosts = files["hosts.yml"]["all"]["children"]["billing_databases"]["hosts"]
        hosts["billing1"] = {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.lab.state / "ssh/id_ed25519"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes",
            "lab_addresses": {"production": self.address},
        }
        files["group_vars/all/drillbook.yml"] = {"drillbook_object_store": store}
        files["group_vars/all/store.yml"] = {"store_host": "store1", "store_port": 7480, "store_ca_file": CA}
        files["group_vars/all/vault.yml"] = {
            "vault_billing_probe": self.probe,
            "vault_billing_cipher": self.cipher,
            "vault_billing_drillbook_agent": self.agent,
        }
        files["group_vars/billing_databases/drillbook.yml"]["drillbook_service"]["name"] = self.service
        # Files of a folder are read by name, and the last one counts.
        files["group_vars/billing_databases/zz.yml"] = service
        for part in files.values():
            for entry in part.get("backup_agent_heartbeats", []):
                entry["service"] = self.service
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
        return ["--inventory", str(self.lab.root / "inventories/lab"), "--inventory", str(folder)]
