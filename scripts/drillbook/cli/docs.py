"""Writes docs/reference/cli.md from the verbs themselves; with ``--check`` exits with 1 if it is not up to date."""

import sys
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from drillbook.cli.main import app

CLI_PAGE = Path("docs/reference/cli.md")
_HEAD = """\
# Command line

<!-- Written by `python -m drillbook.cli.docs`; change the texts in scripts/drillbook/cli. -->

Every verb reads the inventory given with `--inventory` (again and again for several), else `$DRILLBOOK_INVENTORY`. Without
either it reads `inventories/lab` where this clone has raised that lab (`$DRILLBOOK_LAB`), and says so; elsewhere it refuses.
`drillbook config check` shows all that is wrong with an inventory. Results go to standard output, progress and errors to
standard error. With `--json`, standard output is one JSON document, also when the verb fails: then
`{"error": {"class", "message", "where", "remedy"}}`. `ANSIBLE_VAULT_PASSWORD_FILE` names what opens a vaulted inventory.
`DRILLBOOK_MITOGEN=1` runs the playbooks with Mitogen.
`drillbook --install-completion` lets bash, zsh and fish complete commands and options.

| exit code | meaning |
|---|---|
| 0 | objectives met, everything proven |
| 1 | an objective or a check missed, or something could not be proven |
| 2 | usage, configuration, or refused by a safety rule |
| 3 | could not be carried out (verdict ERROR), or a defect of drillbook, whose traceback is kept in a file |
| 4 | something was left behind |
| 130 | ended by Ctrl-C, outside of a run |
"""
_WIDTH = 100


def cli_page() -> str:
    """The help of every verb, as Markdown."""
    lines = [_HEAD]
    for name, text in _helps():
        lines += [f"## {name}", "", "```text", text.rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _helps() -> Iterator[tuple[str, str]]:
    root = get_command(app)
    stack = [
        (
            root,
            root.make_context(
                "drillbook", ["--help"], resilient_parsing=True, max_content_width=_WIDTH, terminal_width=_WIDTH
            ),
        )
    ]
    while stack:
        command, context = stack.pop(0)
        yield context.command_path, command.get_help(context)
        children = getattr(command, "commands", {})
        stack[:0] = [
            (
                child,
                type(context)(child, parent=context, info_name=name, max_content_width=_WIDTH, terminal_width=_WIDTH),
            )
            for name, child in children.items()
        ]


def main() -> int:
    """Write the file below the present directory, or compare it."""
    content = cli_page()
    if "--check" in sys.argv[1:]:
        if not CLI_PAGE.exists() or CLI_PAGE.read_text(encoding="utf-8") != content:
            sys.stderr.write(f"not up to date: {CLI_PAGE}; run python -m drillbook.cli.docs\n")
            return 1
        return 0
    CLI_PAGE.parent.mkdir(parents=True, exist_ok=True)
    CLI_PAGE.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
