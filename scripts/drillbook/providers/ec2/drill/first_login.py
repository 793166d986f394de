"""The first login to a new sandbox host: cloud-init's end is awaited, and the host makes the key that it is known by from then on."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from drillbook.clock import Clock
from drillbook.errors import DrillbookError, InfrastructureError, UnreachedError
from drillbook.process import Completed
from drillbook.providers.cloud_init import RESULT, errors_in
from drillbook.providers.host_keys import host_key_in
from drillbook.providers.pinned_ssh import PinnedSsh
from drillbook.providers.waiting import wait_until

_CALL = timedelta(seconds=60)
"""How long one login with its script may take."""
_READ_RESULT = f"[ ! -e {RESULT} ] || cat {RESULT}\n"
_NEW_KEY = """\
set -eu
umask 077
cd /etc/ssh
rm -f drillbook_new_key drillbook_new_key.pub
ssh-keygen -q -t ed25519 -N '' -C '' -f drillbook_new_key </dev/null
rm -f ssh_host_*_key ssh_host_*_key.pub
chmod 644 drillbook_new_key.pub
mv drillbook_new_key.pub ssh_host_ed25519_key.pub
mv drillbook_new_key ssh_host_ed25519_key
systemctl reload-or-restart ssh.service >&2 || systemctl reload-or-restart sshd.service >&2
cat ssh_host_ed25519_key.pub
"""
_DISK = """\
set -eu
volume={volume} device={device} path={path}
for found in /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_"$volume" "$device" "/dev/xvd${{device#/dev/sd}}" ''; do
  [ ! -b "$found" ] || break
done
[ -n "$found" ] || {{ echo "no device is the volume $volume" >&2; exit 1; }}
found=$(readlink -f "$found")
mkfs.ext4 -q "$found" </dev/null
mkdir -p "$path"
new=$(mktemp -d)
mount "$found" "$new"
cp -a "$path/." "$new/"
umount "$new"
rmdir "$new"
echo "UUID=$(blkid -s UUID -o value "$found") $path ext4 defaults,nofail 0 2" >>/etc/fstab
mount "$path"
"""
_ROOT = "sudo -n sh -s"


class FirstLogin:
    """Logs in by the throw-away key, until ``deadline``.

    ``timeout`` is what the whole step was given, which its errors say. ``alive`` raises where the instance has ended, so that nobody waits.
    """

    def __init__(
        self,
        ssh: PinnedSsh,
        clock: Clock,
        poll: timedelta,
        *,
        deadline: timedelta,
        timeout: timedelta,
        alive: Callable[[], object],
    ) -> None:
        self._ssh = ssh
        self._clock = clock
        self._poll = poll
        self._deadline = deadline
        self._timeout = timeout
        self._alive = alive

    def wait_for_cloud_init(self) -> None:
        """Return when it is done; raises InfrastructureError with its errors, or with ssh's last words where nobody got in."""
        inside, last = False, ""

        def result() -> str | None:
            nonlocal inside, last
            self._alive()
            try:
                done = self._ssh.ask("sh -s", _READ_RESULT, self._limit())
            except InfrastructureError as error:
                if isinstance(error.__cause__, OSError):
                    raise  # there is no ssh here
                last = error.message if isinstance(error, UnreachedError) else last or error.message
                return None
            inside, last = True, ""
            return done.stdout or None

        def late() -> InfrastructureError:
            what = "cloud-init was not done" if inside else "nobody could log in"
            waited = f"{what} within {self._timeout.total_seconds():.0f} s"
            return InfrastructureError(
                f"{waited}: {last}" if last else waited,
                where=self._where(),
                remedy="See the instance's console output, and the way to it: docs/how-to/sandbox-hosts.md.",
            )

        found = wait_until(self._clock, result, deadline=self._deadline, every=self._poll, late=late)
        errors = errors_in(found)
        if errors:
            raise InfrastructureError(
                f"cloud-init failed: {'; '.join(errors)}",
                where=self._where(),
                remedy="See what the image's own cloud-init settings add, and its log in /var/log/cloud-init.log.",
            )

    def mount_disk(self, volume: str, device: str, path: str) -> None:
        """Make a file system on an empty volume and mount it; what is at ``path`` goes into it, with owners and modes."""
        script = _DISK.format(
            volume=shlex.quote(volume.replace("-", "")), device=shlex.quote(device), path=shlex.quote(path)
        )
        self._as_root(script, f"the disk for {path} could not be mounted")

    def replace_host_key(self) -> str:
        """Have the host make a key of its own, and see it served; returns its public half, ``ssh-ed25519 AAAA...``."""
        said = self._as_root(_NEW_KEY, "it could not make a host key of its own")
        found = host_key_in(said)
        if found is None or found == self._ssh.host_key:
            raise InfrastructureError(
                "it made no host key of its own",
                where=self._where(),
                remedy="See that the image has OpenSSH's ssh-keygen and its host keys in /etc/ssh.",
            )
        own = replace(self._ssh, host_key=found)
        late: DrillbookError | None = None

        def served() -> bool:
            nonlocal late
            self._alive()
            try:
                own.ask("true", "", self._limit())
            except DrillbookError as error:
                late = error
                return False
            return True

        def unserved() -> InfrastructureError:
            return InfrastructureError(
                f"its new host key is not what it shows: {late.message if late else ''}",
                where=self._where(),
                remedy="See that the image's ssh service reads /etc/ssh/ssh_host_ed25519_key.",
            )

        wait_until(self._clock, served, deadline=self._deadline, every=self._poll, late=unserved)
        return found

    def _as_root(self, script: str, what: str) -> str:
        done: Completed = self._ssh.ask(_ROOT, script, self._limit())
        if done.returncode:
            raise InfrastructureError(
                f"{what}: {' '.join(done.stderr.split()) or f'status {done.returncode}'}",
                where=self._where(),
                remedy="See that the user has sudo without a password, and what the image lacks.",
            )
        return done.stdout

    def _limit(self) -> timedelta:
        """Of one call: no later than the deadline, and long enough to be answered at all."""
        return max(min(_CALL, self._deadline - self._clock.monotonic()), timedelta(seconds=1))

    def _where(self) -> str:
        return f"{self._ssh.name} ({self._ssh.address})"
