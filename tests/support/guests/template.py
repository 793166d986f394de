"""Images of guests: images of the lab that the product's own template playbook has made anybody's."""

from __future__ import annotations

import hashlib
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.guests.containers import options_of, podman_of

from drillbook import process
from drillbook.providers.lab.podman import LAB_LABEL, Podman

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drillbook_lab.lab import Lab

ROOT = Path(__file__).resolve().parents[3]
CLEAN = ROOT / "playbooks/tasks/template_clean.yml"
POSTGRESQL = (
    ROOT / "playbooks/template_postgresql.yml",
    ROOT / "playbooks/postgresql/template.yml",
    ROOT / "playbooks/postgresql/install.yml",
    CLEAN,
)
LIMIT = timedelta(minutes=10)


def guest_image(lab: Lab) -> str:
    """The lab's image of a database host as a template of sandbox hosts."""
    podman = podman_of(lab)
    found = podman.inspect(f"{lab.prefix}-sandbox1.template")
    assert found is not None, "playbooks/lab/up.yml makes it"
    network = (f"--network={lab.prefix}-sandbox", f"--add-host=cache1:{lab.address('cache1', 'sandbox')}")
    return _made(podman, str(found["ImageName"]), (*options_of(podman, lab), *network), POSTGRESQL)


def bare_image(podman: Podman, base: str, options: Sequence[str]) -> str:
    """A base image with cloud-init alone; it is built with podman's own network and resolver."""
    words = " ".join(options).replace("--dns none", "").split()
    return _made(podman, base, (*words, "--network=podman"), (CLEAN,))


def _made(podman: Podman, base: str, options: Sequence[str], playbooks: Sequence[Path]) -> str:
    """Build it where there is none of this base and these playbooks; return its name."""
    made_by = b"".join(path.read_bytes() for path in playbooks)
    digest = hashlib.sha256(base.encode() + made_by).hexdigest()[:12]
    image = f"localhost/drillbook/template:{base.rpartition(':')[2].partition('-')[0]}-{digest}"
    if podman.image(image) is not None:
        return image
    container = f"{podman.place.prefix}-guest-template"
    removal = ("rm", "--force", "--time", "0", "--volumes", "--ignore", container)
    label = f"{LAB_LABEL}={podman.place.prefix}"
    podman.call(*removal, where=container)
    try:
        podman.call(
            *("run", "--detach", "--name", container, "--hostname", "template", f"--label={label}"),
            *(*options, base, "/sbin/init"),
            where=container,
        )
        _configure(podman, container, playbooks[0])
        # Debian's cloud images have it; the lab's are no cloud images.
        podman.call("exec", container, "systemctl", "enable", "systemd-networkd", where=container)
        podman.call("stop", "--time", "10", container, where=container)
        labels = ("--change=LABEL drillbook.image=layer", f"--change=LABEL {LAB_LABEL}=")
        podman.call("commit", "--quiet", *labels, container, image, where=container, timeout=LIMIT)
    finally:
        podman.call(*removal, where=container)
    return image


def _configure(podman: Podman, container: str, playbook: Path) -> None:
    """Run it on one host that is no host of any inventory."""
    with tempfile.TemporaryDirectory(prefix="drillbook-template-") as folder:
        inventory, plays = Path(folder) / "hosts.yml", playbook
        host = {"ansible_connection": "containers.podman.podman", "ansible_host": container}
        inventory.write_text(
            json.dumps({"template": {"hosts": {"template1": host}, "vars": {"template_agents": []}}}), encoding="utf-8"
        )
        if playbook == CLEAN:
            plays = Path(folder) / "clean.yml"
            play = {"hosts": "template", "tasks": [{"ansible.builtin.import_tasks": str(CLEAN)}]}
            plays.write_text(json.dumps([play]), encoding="utf-8")
        environment = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "CONTAINERS_CONF": str(podman.place.containers_conf),
        }
        done = process.run(
            ("ansible-playbook", "-i", str(inventory), str(plays)),
            timeout=LIMIT,
            directory=ROOT,
            environment=environment,
        )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
