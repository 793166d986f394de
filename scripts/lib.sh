# shellcheck shell=bash
# Shared by the scripts in this folder; sourced, never run. Needs `set -euo pipefail` in the caller.

DRILLBOOK_ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
DRILLBOOK_VENV="${DRILLBOOK_ROOT}/.venv"
export ANSIBLE_CONFIG="${DRILLBOOK_ROOT}/ansible.cfg"
# It outranks what ansible.cfg says, where somebody has set it.
[ -z "${ANSIBLE_COLLECTIONS_PATH:-}" ] || export ANSIBLE_COLLECTIONS_PATH="${DRILLBOOK_ROOT}/.collections:${ANSIBLE_COLLECTIONS_PATH}"

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$(basename -- "$0"): $*"
  exit 3
}

# stage NAME: a heading with the seconds since the script began.
stage() { printf '\n[%4ds] == %s\n' "${SECONDS}" "$*" >&2; }

# as_root COMMAND...: run it as root, by sudo where we are not. check_root_right has made sure that this works.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

# check_root_right PURPOSE: one clear sentence where root cannot be had.
check_root_right() {
  [ "$(id -u)" -eq 0 ] && return 0
  command -v sudo >/dev/null 2>&1 || die "$1 needs root, and sudo is not installed: run this as root."
  sudo -n true 2>/dev/null && return 0
  if [ -t 0 ]; then
    sudo -v || die "$1 needs root, and sudo refused: ask for sudo rights or run this as root."
  else
    die "$1 needs root, and sudo wants a password that it cannot ask for here: run 'sudo -v' first, or run this as root."
  fi
}

# use_mitogen: from here on ansible-playbook uses Mitogen. It is 3 times faster on runs that change little;
# ansible.cfg stays plain ssh, so that what production runs is what this changes nothing about.
use_mitogen() {
  "${DRILLBOOK_VENV}/bin/python" -c 'import ansible_mitogen' 2>/dev/null || die "Mitogen is missing from ${DRILLBOOK_VENV}: run scripts/bootstrap."
  export ANSIBLE_STRATEGY_PLUGINS="${DRILLBOOK_ROOT}/plugins/strategy" ANSIBLE_STRATEGY=mitogen_unpinned
  # The same for the playbooks that drillbook starts.
  export DRILLBOOK_MITOGEN=1
  # ansible-core 2.19 announces the end of strategy plug-ins from outside; we follow that through requirements-dev.lock.
  export ANSIBLE_DEPRECATION_WARNINGS=false
}

# default_lab_prefix KIND: a name for this clone's own lab, so that two clones on one machine keep apart.
default_lab_prefix() {
  printf '%s%s' "$1" "$(printf '%s' "${DRILLBOOK_ROOT}" | sha256sum | cut -c1-4)"
}
