"""``drillbook evidence``: list, show, verify, anchor, report."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from drillbook.app import App
from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, Inventories, open_declared
from drillbook.cli.output import console, count_text, show, table
from drillbook.errors import ConfigurationError
from drillbook.evidence import Entry, render_html, render_json, render_junit, render_text, verify_log
from drillbook.model import format_instant

PAGE = "docs/how-to/verify-evidence.md"
app = typer.Typer(
    no_args_is_help=True,
    help="The signed log of every run.",
    epilog=examples("drillbook evidence list", "drillbook evidence verify", page=PAGE),
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RENDERERS: Mapping[str, Callable[[Entry], str]] = {
    "html": lambda entry: render_html(entry.body, entry),
    "junit": lambda entry: render_junit(entry.body),
    "json": lambda entry: render_json(entry.body),
    "text": lambda entry: render_text(entry.body),
}

RunId = Annotated[str, typer.Argument(help="A run, or `last`.", metavar="RUN")]


@app.command("list", epilog=examples("drillbook evidence list", page=PAGE))
def list_entries(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show all entries, oldest first."""
    entries = open_declared(inventory).entries()
    rows = [
        (
            f"{entry.sequence:06d}",
            entry.kind,
            entry.run_id,
            str(entry.body.get("verdict", "")),
            f"{entry.written_at:%Y-%m-%d %H:%M:%S}",
        )
        for entry in entries
    ]
    data = [
        {
            "sequence": entry.sequence,
            "kind": entry.kind,
            "run_id": entry.run_id,
            "written_at": format_instant(entry.written_at),
            "verdict": entry.body.get("verdict"),
            "sha256": entry.sha256,
        }
        for entry in entries
    ]
    headings = ("", "entry", "run", "verdict", "written (UTC)")
    show(data, as_json=as_json, text=lambda screen: screen.print(table(headings, rows)))


@app.command("show", epilog=examples("drillbook evidence show last", "drillbook evidence show last --json", page=PAGE))
def show_record(run_id: RunId, inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Show the record of a run."""
    record = closing_entry(open_declared(inventory), run_id).body
    show(record, as_json=as_json, text=lambda screen: screen.print(render_text(record), markup=False, end=""))


@app.command(
    epilog=examples(
        "drillbook evidence verify", "drillbook evidence verify --public-key /media/safe/evidence.pub", page=PAGE
    )
)
def verify(
    inventory: Inventories = None,
    expect_head: Annotated[
        str | None, typer.Option(help="SHA-256 of an entry noted elsewhere; the log must hold it.", metavar="SHA256")
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(help="Public key kept outside the log. Default: the one of the signing key.", metavar="PATH"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find whatever was changed in the log.

    Every edited, deleted, reordered or cut-off entry is found. Exit code 1 if anything was.
    """
    opened = open_declared(inventory)
    if expect_head is not None and not _SHA256.fullmatch(expect_head):
        raise ConfigurationError(
            f"'{expect_head}' is no SHA-256: 64 hexadecimal digits in small letters",
            where="the option --expect-head",
            remedy="Copy the whole digest that was noted.",
        )
    key = _read_key(public_key) if public_key else opened.public_key()
    report = verify_log(opened.configuration.evidence.directory, key, opened.anchor(writing=False), expect_head)
    data: dict[str, Any] = {
        "ok": report.ok,
        "entries": report.entries,
        "head": report.head,
        "anchored": report.anchored,
        "findings": [
            {"kind": item.kind, "where": item.where, "message": item.message, "remedy": item.remedy}
            for item in report.findings
        ],
    }

    def text(screen: Console) -> None:
        for item in report.findings:
            screen.print(str(item), markup=False)
        state = "OK" if report.ok else count_text(len(report.findings), "finding")
        screen.print(f"{state}: {report.entries} entries, head {report.head or '-'}", markup=False)

    show(data, as_json=as_json, text=text)
    if not report.ok:
        raise typer.Exit(1)


@app.command(epilog=examples("drillbook evidence anchor", page="docs/reference/evidence.md"))
def anchor(inventory: Inventories = None, as_json: AsJson = False) -> None:
    """Put into the anchor what is not there yet.

    That is what could not be put there when it was written.
    """
    done = [entry.name for entry in open_declared(inventory).evidence().anchor_pending()]
    show(
        done,
        as_json=as_json,
        text=lambda screen: screen.print(f"anchored: {', '.join(done) or 'nothing was pending'}"),
    )


@app.command(
    epilog=examples(
        "drillbook evidence report last --output report.html",
        "drillbook evidence report last --format junit",
        page=PAGE,
    )
)
def report(
    run_id: RunId,
    inventory: Inventories = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; default: standard output.", metavar="PATH")
    ] = None,
    form: Annotated[
        Literal["html", "junit", "json", "text"], typer.Option("--format", help="Form of the report.")
    ] = "html",
) -> None:
    """Write the report of a run."""
    entry = closing_entry(open_declared(inventory), run_id)
    content = _RENDERERS[form](entry)
    if output is None:
        sys.stdout.write(content)
    else:
        try:
            output.write_text(content, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"the report can't be written: {error.strerror or error}",
                where=str(output),
                remedy="Name a file in a directory that is there, and that this user may write.",
            ) from error
        console(stderr=True).print(f"report {output}")


def _read_key(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the public key can't be read: {error.strerror or error}",
            where=str(path),
            remedy="Name the file of a public key (--public-key).",
        ) from error


def closing_entry(opened: App, run_id: str) -> Entry:
    """The entry that closed a run; raises ConfigurationError when there is none."""
    closed = [entry for entry in opened.entries() if entry.kind != "opened"]
    found = [entry for entry in closed if run_id in (entry.run_id, "last")]
    if not found:
        raise ConfigurationError(
            f"no closed run '{run_id}'",
            where=str(opened.configuration.evidence.directory),
            remedy="See `drillbook evidence list`.",
        )
    return found[-1]
