"""Wires the real things together; the one place that knows all of them."""

import getpass
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from drillbook.ansible.playbooks import Playbooks
from drillbook.clock import Clock, SystemClock
from drillbook.config import Configuration, Inventory, configuration, read_inventory
from drillbook.errors import ConfigurationError, DrillbookError, EvidenceError
from drillbook.escrow import escrow_in_place
from drillbook.evidence import (
    LogOnDemand,
    Reading,
    S3Anchor,
    S3Credential,
    S3Location,
    Signer,
    closed_records,
    newest_signature,
    noted_anchored,
    read_log,
)
from drillbook.inquiry.asking import Asking
from drillbook.journal.journal import Reporter
from drillbook.kinds.registry import KINDS
from drillbook.machines.drill import ProviderMachines
from drillbook.machines.snapshots.hook import Hooked, new_hook_id
from drillbook.model import Check, MachineGroup, PublishedHeartbeats, RecoveryPoints, Service
from drillbook.reporters.reports import write_reports
from drillbook.run.clean import Cleaner
from drillbook.run.gate import Gate
from drillbook.run.plan import Plan, Track, plan_drill
from drillbook.run.record import Who
from drillbook.run.runner import DrillRunner
from drillbook.run.stops import Stops
from drillbook.run.teardown import Removers
from drillbook.run.tools import Tools
from drillbook.run.work import Opening, Work
from drillbook.stores.limits import AUDITOR, WRITER, Preflight
from drillbook.tree import platform_root
from drillbook.version import told_version

MITOGEN = "DRILLBOOK_MITOGEN"


class App:
    """One inventory, and what can be done with it; costly parts are made when they are asked for."""

    def __init__(
        self,
        inventories: Sequence[Path],
        root: Path | None = None,
        declared_is_enough: Callable[[str], None] | None = None,
    ) -> None:
        self._root = root or platform_root()
        self._inventories = [_found(path, self._root) for path in inventories]
        self.escrowed: tuple[Check, ...] = ()
        self.clock = SystemClock()
        self.configuration: Configuration = configuration(
            inventory_at(self._inventories, self._root, declared_is_enough)
        )

    @property
    def runs(self) -> Path:
        """Where the directories of the runs are."""
        return self.configuration.state_directory / "runs"

    def evidence(self) -> LogOnDemand:
        """The evidence log, with its anchor if there is one; nothing is made or read before something is asked of it."""
        place = self.configuration.evidence
        return LogOnDemand(place.directory, place.signing_key_file, self.clock.now, lambda: self.anchor(writing=True))

    def reading(self, public_key: Path | None = None) -> Reading:
        """What is in the evidence log, and whether a key vouches for it; needs no private key and makes nothing.

        ``public_key`` is kept outside the log; left out, it is the signing key's own, where that can be read. Raises EvidenceError
        where the chain is broken, ConfigurationError where the key that was given can't be read.
        """
        directory = self.configuration.evidence.directory
        if public_key is not None:
            return read_log(directory, key_in(public_key))
        try:
            key = Signer.load(self.configuration.evidence.signing_key_file).public_key_pem()
        except EvidenceError as error:
            why = f"no key vouches for it: {error.message}. Give the public key, kept outside the log, by --public-key"
            return read_log(directory, None, why_no_key=why)
        return read_log(directory, key)

    def waiting_for_anchor(self, reading: Reading) -> int:
        """How many of the entries that were read wait to be anchored, as the log has noted it; 0 where no anchor is declared."""
        anchor = self._anchor()
        if anchor is None:
            return 0
        entries = len(reading.entries)
        return entries - noted_anchored(self.configuration.evidence.directory, anchor, entries)

    def public_key(self) -> bytes:
        """Public key of the evidence log's signer, PEM; raises ConfigurationError where nothing was ever signed."""
        if not self.configuration.evidence.signing_key_file.exists():
            raise ConfigurationError(
                "there is no signing key, so nothing was signed here",
                where=str(self.configuration.evidence.signing_key_file),
                remedy="Run a drill first, or give --public-key.",
            )
        return Signer.load(self.configuration.evidence.signing_key_file).public_key_pem()

    def anchor(self, *, writing: bool) -> S3Anchor | None:
        """The anchor, with the credential for reading, and where it is written with that for adding, too; None if none is configured.

        Credentials that can't be read leave it without: entries then wait on this disk, and say so.
        """
        if not self.configuration.evidence.anchored:
            return None
        return self._anchor(self._credential(AUDITOR), self._credential(WRITER) if writing else None)

    def _anchor(self, reader: S3Credential | None = None, writer: S3Credential | None = None) -> S3Anchor | None:
        place, store = self.configuration.evidence, self.configuration.store
        if not place.anchored:
            return None
        location = S3Location(
            bucket=store.evidence_bucket,
            prefix=place.anchor_prefix,
            endpoint=store.endpoint,
            region=store.region,
            ca_file=store.ca_file,
        )
        return S3Anchor(location, writer=writer, reader=reader)

    def history(self) -> tuple[Mapping[str, Any], ...]:
        """The records of all closed runs, oldest first; raises EvidenceError where the log is broken or forged."""
        reading = self.reading()
        reading.refuse_forged(self.configuration.evidence.directory)
        return closed_records(reading)

    def preflight(self) -> Preflight:
        """The proof of what the drill's credentials can't do."""
        from drillbook.stores.s3 import S3User  # noqa: PLC0415 - boto3 takes a while; most verbs don't need it

        store = self.configuration.store
        return Preflight(
            store,
            lambda user: S3User(store, user),
            clock_offset_limit=self.configuration.clock_offset_limit,
            anchored=self.configuration.evidence.anchored,
            newest=self._newest_signature,
        )

    def playbooks(self) -> Playbooks:
        """Ansible."""
        from drillbook.ansible.runner import AnsibleRunnerPlaybooks  # noqa: PLC0415 - slow to load

        return AnsibleRunnerPlaybooks(
            root=self._root, inventories=self._inventories, clock=self.clock, mitogen=_mitogen()
        )

    def hooked(self, group: MachineGroup) -> Hooked:
        """A group's hook for one time at rest; raises ConfigurationError where it has none."""
        if group.hook is None:
            raise ConfigurationError(
                f"the group {group.name} has no hook",
                where="drillbook_machines.quiesce",
                remedy="Set quiesce: hook, with both playbooks.",
            )
        return Hooked(
            root=self._root,
            inventories=tuple(self._inventories),
            mitogen=_mitogen(),
            state=self.configuration.state_directory,
            group=group.name,
            hook=group.hook,
            run_id=new_hook_id(group.name),
        )

    def cleaner(self) -> Cleaner:
        """Cleans after killed runs."""
        return Cleaner(self.configuration.state_directory, self.clock, self.removers(), self.evidence())

    def removers(self) -> Removers:
        """Who removes what a run made."""
        return removers_of(self.configuration, self.clock)

    def work(self, plan: Plan, track: Track, stops: Stops) -> Work | None:
        """What does a track's steps that are no playbooks."""
        return work_for(self.configuration, self.clock, plan, track, stops)

    def limits_of_drills(self) -> tuple[Check, ...]:
        """Prove, once for each group that is drilled, that its drill's credential can do nothing to production."""
        drills = {(drill.service.group, drill.sandbox): drill for drill in self.configuration.drills}
        plans = [plan_drill(self.configuration, drill) for drill in drills.values()]
        works = (self.work(plan, track, Stops(self.clock)) for plan in plans for track in plan.tracks)
        return tuple(check for work in works if work is not None for check in work.gate())

    def gate(self) -> Gate:
        """What must hold before a run."""
        return Gate(self.runs, self.clock, lambda mode: (*self.escrowed, *self.preflight().prove(mode)))

    def put_escrow_in_place(self) -> tuple[Check, ...]:
        """Let this process see the copies in escrow in place of what is in use, see `escrow_in_place`; read the inventory again then."""
        declared = self.configuration
        own = (declared.state_directory, declared.evidence.directory, self._root, Path(sys.prefix))
        return escrow_in_place(declared.escrow, declared.in_use, own)

    def runner(self, reporters: tuple[Reporter, ...] = ()) -> DrillRunner:
        """Carries plans out."""
        playbooks, evidence = self.playbooks(), self.evidence()
        removers = self.removers()
        return DrillRunner(
            Tools(
                clock=self.clock,
                playbooks=playbooks,
                removers=removers,
                work=self.work,
                evidence=evidence,
                gate=self.gate(),
                published=self.published,
                cleaner=Cleaner(self.configuration.state_directory, self.clock, removers, evidence),
                who=Who(operator=operator(), tool_version=told_version()),
                state_directory=self.configuration.state_directory,
                clock_offset_limit=self.configuration.clock_offset_limit,
                reporters=(*reporters, write_reports),
            )
        )

    def recovery_points(
        self, service: Service, *, where: str, repository_time: datetime | None, tell: Callable[[str], None]
    ) -> RecoveryPoints:
        """Ask what a service can be restored to; see `Asking` for the arguments. Raises DrillbookError."""
        return ask_for_points(
            self.configuration,
            self.clock,
            service,
            where=where,
            repository_time=repository_time,
            playbooks=self.playbooks,
            tell=tell,
        )

    def published(self, service: Service) -> PublishedHeartbeats:
        """The newest published heartbeat of each host of a service."""
        from drillbook.stores.s3 import S3Heartbeats  # noqa: PLC0415 - boto3 takes a while; most verbs don't need it

        return S3Heartbeats(self.configuration.store, AUDITOR).published(service.name, service.hosts)

    def _newest_signature(self) -> tuple[str, bytes] | None:
        """Key in the anchor, and content, of the signature of the newest entry; None where there is none."""
        anchor, found = self._anchor(), newest_signature(self.configuration.evidence.directory)
        return (anchor.key_of(found[0]), found[1]) if anchor and found else None

    def _credential(self, user: str) -> S3Credential | None:
        from drillbook.stores.client import user_keys  # noqa: PLC0415 - boto3 takes a while

        try:
            access_key, secret_key = user_keys(self.configuration.store.credentials_directory, user)
        except DrillbookError:
            return None
        return S3Credential(access_key, secret_key)


def work_for(configuration: Configuration, clock: Clock, plan: Plan, track: Track, stops: Stops) -> Work | None:
    """Return what does a track's steps that are no playbooks, with what the inventory says of the machines below the service."""
    group = configuration.machines_of(track.service)
    sandbox = next((found for found in configuration.sandboxes if found.host == track.target), None)
    made_by = sandbox or group
    opening = Opening(
        plan=plan,
        track=track,
        stops=stops,
        clock=clock,
        group=group,
        sandbox=sandbox,
        place=configuration.provider(made_by.provider) if made_by else None,
        addresses=configuration.addresses,
        workers=configuration.machines_at_once,
    )
    return KINDS[track.service.kind.name].open_work(opening)


def ask_for_points(
    configuration: Configuration,
    clock: Clock,
    service: Service,
    *,
    where: str,
    repository_time: datetime | None,
    playbooks: Callable[[], Playbooks],
    tell: Callable[[str], None],
) -> RecoveryPoints:
    """Ask what a service can be restored to. Of the sandbox hosts those that it is drilled in come first, for they fit it."""
    own = {drill.sandbox for drill in configuration.drills if drill.service.name == service.name}
    asking = Asking(
        service=service,
        where=where,
        repository_time=repository_time,
        clock=clock,
        playbooks=playbooks,
        removers=removers_of(configuration, clock),
        state_directory=configuration.state_directory,
        group=configuration.machines_of(service),
        sandboxes=tuple(sorted(configuration.sandboxes, key=lambda sandbox: sandbox.host not in own)),
        provider=configuration.provider,
        step_timeout=configuration.step_timeout,
        tell=tell,
    )
    return KINDS[service.kind.name].recovery_points(asking)


def removers_of(configuration: Configuration, clock: Clock) -> Removers:
    """Who removes what a run made."""
    machines = ProviderMachines(configuration.provider, clock)
    return Removers(machines, configuration.machine_timeout, configuration.machines_at_once)


def _mitogen() -> bool:
    return os.environ.get(MITOGEN) == "1"


def key_in(path: Path) -> bytes:
    """Read a public key that was named; raises ConfigurationError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the public key can't be read: {error.strerror}", where=str(path), remedy="Name the file that holds it."
        ) from error


def operator() -> str:
    """Who runs this: ``user@host``, and with sudo the user behind it."""
    return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"


def inventory_at(
    inventories: Sequence[Path], root: Path | None = None, declared_is_enough: Callable[[str], None] | None = None
) -> Inventory:
    """Read inventories as Ansible sees them, see `read_inventory`; raises ConfigurationError where one is not there or can't be read."""
    root = root or platform_root()
    return read_inventory(
        [_found(path, root) for path in inventories], root=root, declared_is_enough=declared_is_enough
    )


def _found(path: Path, root: Path) -> Path:
    """An inventory's path as the operator means it: from here, or else from the repository."""
    return path if path.is_absolute() else path.resolve() if path.exists() else root / path
