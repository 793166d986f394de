"""`python -m drillbook_lab.demo`: what scripts/demo runs once the tools are there."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from rich.console import Console

from drillbook.errors import DrillbookError
from drillbook_lab.demo import Story
from drillbook_lab.lab import Lab

KEPT = """\
The lab stays up. Look around:
  export DRILLBOOK_LAB={prefix} ANSIBLE_CONFIG=ansible.cfg; . .venv/bin/activate
  ansible all -m ansible.builtin.ping        drillbook status        drillbook evidence list
  ansible db1 -m ansible.builtin.command -a "patronictl -c /etc/patroni/conf.d list"
End it:
  ansible-playbook playbooks/lab/down.yml"""


def main(
    root: Annotated[Path, typer.Option(help="The repository.")],
    prefix: Annotated[str, typer.Option(help="Name prefix of the lab.")],
    keep: Annotated[bool, typer.Option(help="Leave the lab up at the end.")] = False,
) -> None:
    """Build the platform in a lab, back it up, destroy it and prove that it comes back."""
    console = Console(highlight=False)
    directory = Path(tempfile.mkdtemp(prefix="drillbook-demo-"))
    lab = Lab(root, prefix, directory)
    met = False
    try:
        met = Story(lab, directory, console).tell()
    except DrillbookError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(error.exit_code) from error
    except psycopg.Error as error:
        console.print(f"the service can't be read: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(3) from error
    finally:
        if keep:
            console.print(KEPT.format(prefix=prefix), markup=False, soft_wrap=True)
        else:
            lab.attempt("lab/down")
    raise typer.Exit(0 if met else 1)


typer.run(main)
