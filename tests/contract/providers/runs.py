"""Drills of the fake kind, by the command line, whose sandbox host a real provider makes; what is restored is a folder of this machine."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.contract.providers.lab import LabWorld
from tests.contract.providers.proxmox_sandboxes import HOST, SandboxWorld
from tests.contract.providers.standing import StandingHost
from tests.support.ec2_drills import DRILLS
from tests.support.fake_kind.world import SANDBOX, FakeWorld, Ran

from drillbook.providers.lab.place import LabDrillRange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.contract.ec2_drills.sandbox_world import SandboxWorld as Ec2SandboxWorld
    from tests.support.ssh_host import SshHost

DRIVER = "tests.contract.providers.runs_driver"
PATIENCE = timedelta(minutes=5)
"""Machines are made, beside all else that a whole run starts."""


class Runs(ABC):
    """``place`` is the provider as the inventory declares it, ``variables`` are the sandbox host's."""

    one_address = True
    """Two sandbox hosts of a name would have the same one: a second is refused, whichever controller wants it."""

    def __init__(self, folder: Path, place: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        self.name = str(place["name"])
        self._folder = folder / "controllers"
        self._place = dict(place)
        self._variables = dict(variables)
        self._controllers: list[FakeWorld] = []
        self.fake = self.controller("first")

    def controller(self, name: str) -> FakeWorld:
        """One with a state directory of its own."""
        made = FakeWorld(self._folder / name, driver=DRIVER, sandbox_variables=self._variables, patience=PATIENCE)
        made.write_inventory(
            drillbook_providers=[self._place],
            drillbook_sandboxes=[{"host": SANDBOX, "provider": self.name}],
            fake_sandboxes=str(made.folder / "restored"),
            # A paused run waits for other runs, on a busy machine.
            drillbook_step_timeout_seconds=300,
            drillbook_run_deadline_seconds=600,
        )
        self._controllers.append(made)
        self.empty(made)
        return made

    def empty(self, fake: FakeWorld) -> None:
        """Nothing is restored there, and the backups are new."""
        folder = fake.folder / "restored" / SANDBOX
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(fake.controls / "network", folder)
        fake.fill()

    def run(self) -> Ran:
        self.empty(self.fake)
        return self.fake.run()

    def end(self) -> None:
        """Let no process live on."""
        for fake in self._controllers:
            fake.end_everything()

    @abstractmethod
    def there(self) -> set[str]:
        """All that the provider has of any run."""

    @abstractmethod
    def refuse_removal(self) -> str:
        """From now on; return a pattern of what is said of it."""

    @abstractmethod
    def allow_removal(self) -> None:
        """Again."""


class ProxmoxRuns(Runs):
    """Clones in the drill range of the test server."""

    def __init__(self, folder: Path, world: SandboxWorld) -> None:
        world.boots()
        self._world = world
        super().__init__(folder, world.place.model_dump(mode="json"), {"ansible_host": HOST.address})

    def there(self) -> set[str]:
        guests = {f"guest {number}" for number in self._world.server.state.guests if 9000 <= number < 9004}
        return guests | {
            volid for volid in self._world.control.state()["volumes"] if ":vm-900" in volid and "scratch" in volid
        }

    def refuse_removal(self) -> str:
        self._world.control.answer_with(403, "Permission check failed (/vms/9000, VM.Allocate)", "DELETE", count=1000)
        return r"VM\.Allocate"

    def allow_removal(self) -> None:
        self._world.control.repair()


class SshBodies:
    """Implements `Bodies` of moto by the one ssh server that stands for any instance."""

    def __init__(self, host: SshHost) -> None:
        self._host = host

    def power_on(self, _instance: Any, user_data: str) -> None:
        self._host.boot(user_data)

    def remove(self, _instance: Any) -> None:
        """The next one boots anew."""


class Ec2Runs(Runs):
    """Instances of moto. EC2 gives each an address of its own."""

    one_address = False

    def __init__(self, folder: Path, world: Ec2SandboxWorld) -> None:
        self._world = world
        variables = {
            "ansible_ssh_private_key_file": str(world.private_key),
            "ansible_ssh_common_args": world.host.arguments,
        }
        super().__init__(folder, world.place().model_dump(mode="json"), variables)
        DRILLS.bodies = SshBodies(world.host)

    def there(self) -> set[str]:
        return self._world.region.left()

    def refuse_removal(self) -> str:
        DRILLS.fail["TerminateInstances"] = "OperationNotPermitted"
        return "OperationNotPermitted"

    def allow_removal(self) -> None:
        DRILLS.fail.clear()


class LabRuns(Runs):
    """Containers made like a template that is there."""

    def __init__(self, folder: Path, world: LabWorld, network: str) -> None:
        self._world = world
        self._before = world.names()
        place = world.place.model_copy(update={"drill": LabDrillRange(network=network)})
        super().__init__(folder, place.model_dump(mode="json"), {})

    def there(self) -> set[str]:
        return self._world.names() - self._before

    def refuse_removal(self) -> str:
        """A container that shares its network must go before it."""
        (sandbox,) = self.there()
        world = self._world
        world.podman(
            "create", "--name", f"{world.prefix}-guard", f"--network=container:{sandbox}", world.image, "/bin/true"
        )
        return "has dependent containers"

    def allow_removal(self) -> None:
        self._world.podman("rm", f"{self._world.prefix}-guard")


class HostRuns(Runs):
    """Claims on a standing host."""

    def __init__(self, folder: Path, host: StandingHost) -> None:
        self.host = host
        super().__init__(folder, host.place.model_dump(mode="json"), host.variables)

    def there(self) -> set[str]:
        return set(self.host.run("ls -A /var/lib/drillbook 2>/dev/null || true").split())

    def refuse_removal(self) -> str:
        """What can't be brought back is left, and said."""
        self.host.run("systemctl mask --runtime ssh.service && systemctl stop ssh.service ssh.socket")
        return r"it is not what it was: enabled: ssh\.service went"

    def allow_removal(self) -> None:
        self.host.run("systemctl unmask --runtime ssh.service")
