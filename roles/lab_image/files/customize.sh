#!/bin/sh
# Run by mmdebstrap with the new root as $1: makes a minimal Debian a lab host.
set -eu
root=$1

# No two machines may share an identity: ssh host keys come before the first start, the machine id with it.
rm -f "$root"/etc/ssh/ssh_host_*
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

# A container steers no clock, loads no module, has no console and is not upgraded behind our back.
for unit in apt-daily.timer apt-daily.service apt-daily-upgrade.timer apt-daily-upgrade.service \
    systemd-modules-load.service systemd-timesyncd.service systemd-udevd.service systemd-remount-fs.service \
    console-getty.service getty.target sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount dev-hugepages.mount dev-mqueue.mount systemd-sysctl.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# A mirror may be a frozen snapshot. Never so outside the lab.
cat >"$root/etc/apt/apt.conf.d/10drillbook-lab" <<'CONF'
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
Acquire::http::Proxy-Auto-Detect "/usr/local/libexec/drillbook-apt-proxy";
CONF

# Where the lab's package cache is known by name, apt goes through it; while images are built there is none.
install -d "$root/usr/local/libexec"
cat >"$root/usr/local/libexec/drillbook-apt-proxy" <<'SCRIPT'
#!/bin/sh
if [ "$(uname -n)" != cache1 ] && getent hosts cache1 >/dev/null; then
    echo http://cache1:3142
else
    echo "${http_proxy:-DIRECT}"
fi
SCRIPT
chmod 0755 "$root/usr/local/libexec/drillbook-apt-proxy"

# A lab host may lose its disk at a power cut of the controller; what Debian unpacks need not be synced.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/drillbook-lab"

mkdir -p "$root/etc/ssh/sshd_config.d"
cat >"$root/etc/ssh/sshd_config.d/10-drillbook-lab.conf" <<'CONF'
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
MaxStartups 100
MaxSessions 100
CONF

# Names come from /etc/hosts only, except where a leg to the outside brings a resolver.
rm -f "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
rm -f "$root/etc/hostname"
install -d -m 0700 "$root/root/.ssh"
rm -rf "$root"/var/log/*.log "$root"/var/log/apt "$root"/var/cache/apt/*.bin
