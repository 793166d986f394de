"""``drillbook init``: a directory with an inventory of one's own, its secrets made."""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from drillbook.cli.options import AsJson
from drillbook.cli.output import show
from drillbook.errors import ConfigurationError
from drillbook.initial import MODELS, Differences, Made, Wanted, make
from drillbook.tree import platform_root

_USER = re.compile(r"^[a-z_][a-z0-9_-]*$")
_ENDPOINT = re.compile(r"^https://[A-Za-z0-9.-]+(?::\d+)?$")
_REGION = re.compile(r"^[a-z0-9-]+$")
USERS = "auditor, repository_writer, repository_reader, evidence_writer, heartbeat_writer, restore_operator"


def init(  # noqa: PLR0913 - one parameter per option is how typer declares them
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="New or empty; it belongs to who runs this.")],
    model: Annotated[
        str, typer.Option(help=f"Which inventory of the tree: {', '.join(MODELS)}.", metavar="MODEL")
    ] = "example",
    address: Annotated[
        list[str] | None, typer.Option(help="A host's address; may be given several times.", metavar="HOST=ADDRESS")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who logs in to the hosts by ssh.", metavar="USER")] = None,
    endpoint: Annotated[str | None, typer.Option(help="The S3 store.", metavar="URL")] = None,
    region: Annotated[
        str | None, typer.Option(help="Region that its requests are signed for.", metavar="REGION")
    ] = None,
    become_password_file: Annotated[
        Path | None, typer.Option(help="File with the password that this user gives to sudo.", metavar="FILE")
    ] = None,
    state_directory: Annotated[
        Path | None,
        typer.Option(
            help="Where runs are kept. Default: root's is /var/lib/drillbook, else $XDG_STATE_HOME/drillbook.",
            metavar="PATH",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write an inventory of your own.

    It goes into a directory, with new secrets in a vaulted file. Nothing is asked. The directory holds all that a new controller
    would need; its modes let nobody else in. No secret is printed.
    """
    differences = Differences(
        directory=directory.expanduser().resolve(),
        state_directory=(state_directory or _usual_state_directory()).expanduser().resolve(),
        addresses=dict(_address(said) for said in address or []),
        user=_fitting(user, _USER, "--user", "Give a login name in small letters."),
        endpoint=_fitting(endpoint, _ENDPOINT, "--endpoint", "Give https://, a name and, if need be, a port."),
        region=_fitting(region, _REGION, "--region", "Give its name, such as eu-central-1."),
    )
    _fitting(model, re.compile(f"^(?:{'|'.join(MODELS)})$"), "--model", f"Name one of: {', '.join(MODELS)}.")
    made = make(Wanted(model, differences, _line_of(become_password_file)), platform_root() / "inventories")
    show(_as_json(made), as_json=as_json, text=lambda screen: _print(screen, made))


def _usual_state_directory() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/drillbook")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "drillbook"


def _address(said: str) -> tuple[str, str]:
    host, _, address = said.partition("=")
    try:
        return host, str(ipaddress.IPv4Address(address))
    except ValueError as error:
        raise ConfigurationError(
            f"'{said}' is no host with an IPv4 address",
            where="--address",
            remedy="Give it as in --address db1=192.0.2.11.",
        ) from error


def _fitting(said: str | None, pattern: re.Pattern[str], option: str, remedy: str) -> str | None:
    if said is not None and not pattern.match(said):
        raise ConfigurationError(f"'{said}' can't be used", where=option, remedy=remedy)
    return said


def _line_of(path: Path | None) -> str:
    """The first line of a file that holds a password; nothing of it is ever in a message."""
    if path is None:
        return ""
    try:
        lines = path.expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"the password can't be read: {reason}", where=str(path), remedy="Name a file that this user can read."
        ) from error
    if not lines or not lines[0] or not lines[0].isprintable():
        raise ConfigurationError(
            "there is no password in it", where=str(path), remedy="Write the password into its first line."
        )
    return lines[0]


def _as_json(made: Made) -> dict[str, object]:
    return {"directory": str(made.directory), "files": list(made.files), "empty": list(made.empty)}


def _print(screen: Console, made: Made) -> None:
    inventory = made.directory / "inventory"
    vault = inventory / "group_vars/all/vault.yml"
    fill = f"Fill in {', '.join(made.empty)}" if made.empty else "See the secrets, which are new"
    for line in (
        f"Made {inventory}. Keep a copy of {made.directory} elsewhere (docs/how-to/escrow.md). What to do next:",
        f"1. Tell this shell: . {made.directory / 'environment'}",
        f"2. Put your hosts and your store into {inventory / 'hosts.yml'} and {inventory / 'group_vars/all/drillbook.yml'}",
        f"3. {fill}: ansible-vault edit {vault}",
        f"4. Let {made.directory / 'ssh/id_ed25519.pub'} in on each host, and put their host keys into {made.directory / 'ssh/known_hosts'}",
        f"5. Put the store's keys into {made.directory / 'object_store'}/<user>.json, mode 0600: {USERS}",
        f"6. In {platform_root()}: drillbook config check, then ansible-playbook playbooks/site.yml --check --diff",
    ):
        screen.print(line, markup=False, soft_wrap=True)
