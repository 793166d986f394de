"""``drillbook evidence``: list, show, verify, anchor, report."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from drillbook.app import App, key_in
from drillbook.cli.examples import examples
from drillbook.cli.options import AsJson, Inventories, PublicKey, open_declared
from drillbook.cli.output import console, count_text, show, table
from drillbook.errors import ConfigurationError, EvidenceError
from drillbook.evidence import (
    Entry,
    Reading,
    closing_of,
    render_html,
    render_json,
    render_junit,
    render_text,
    verify_log,
)
from drillbook.model import format_instant

PAGE = "docs/how-to/verify-evidence.md"
app = typer.Typer(
    no_args_is_help=True,
    help="The signed log of every run.",
    epilog=examples("drillbook evidence list", "drillbook evidence verify", page=PAGE),
)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_RENDERERS: Mapping[str, Callable[[Entry, str], str]] = {
    "html": lambda entry, doubt: render_html(entry.body, entry, doubt=doubt),
    "text": lambda entry, doubt: render_text(entry.body, doubt=doubt),
    "junit": lambda entry, _doubt: render_junit(entry.body),
    "json": lambda entry, _doubt: render_json(entry.body),
}
_FOR_MACHINES = ("junit", "json")
"""Forms that have no place for a doubt: they are not written where there is one."""

RunId = Annotated[str, typer.Argument(help="A run, or `last`.", metavar="RUN")]


@app.command("list", epilog=examples("drillbook evidence list", page=PAGE))
def list_entries(inventory: Inventories = None, public_key: PublicKey = None, as_json: AsJson = False) -> None:
    """Show all entries, oldest first.

    It says whether the key vouches for them. Exit code 3 if their signature is wrong.
    """
    reading = open_declared(inventory).reading(public_key)
    entries = reading.entries
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
            "verified": reading.verified,
        }
        for entry in entries
    ]
    headings = ("", "entry", "run", "verdict", "written (UTC)")
    show(data, as_json=as_json, text=lambda screen: screen.print(table(headings, rows)))
    _tell(reading)


@app.command("show", epilog=examples("drillbook evidence show last", "drillbook evidence show last --json", page=PAGE))
def show_record(
    run_id: RunId, inventory: Inventories = None, public_key: PublicKey = None, as_json: AsJson = False
) -> None:
    """Show the record of a run.

    It says whether the key vouches for it. Exit code 3 if its signature is wrong.
    """
    opened = open_declared(inventory)
    reading = opened.reading(public_key)
    record = closing_entry(opened, reading, run_id).body
    said = render_text(record, doubt=reading.doubt)
    show(record, as_json=as_json, text=lambda screen: screen.print(said, markup=False, end=""))
    _tell(reading)


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
    public_key: PublicKey = None,
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
    key = key_in(public_key) if public_key else opened.public_key()
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
    public_key: PublicKey = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; default: standard output.", metavar="PATH")
    ] = None,
    form: Annotated[
        Literal["html", "junit", "json", "text"], typer.Option("--format", help="Form of the report.")
    ] = "html",
) -> None:
    """Write the report of a run.

    Exit code 3 if its signature is wrong.
    """
    opened = open_declared(inventory)
    reading = opened.reading(public_key)
    entry = closing_entry(opened, reading, run_id)
    if form in _FOR_MACHINES and not reading.verified:
        raise EvidenceError(
            f"no {form} of a record that is not verified: {reading.doubt}",
            where=str(opened.configuration.evidence.directory),
            remedy="Give the public key by --public-key, or run `drillbook evidence verify`.",
        )
    content = _RENDERERS[form](entry, reading.doubt)
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
    _tell(reading)


def _tell(reading: Reading) -> None:
    """Say, beside the answer, whether the key vouches for it; exit with 3 where the signature is wrong."""
    told = console(stderr=True)
    if reading.doubt:
        told.print(f"NOT VERIFIED: {reading.doubt}", markup=False, style="bold red")
    elif reading.entries:
        told.print(f"verified: {reading.entries[-1].name} and all before it are signed by the key", markup=False)
    if reading.refuted:
        raise typer.Exit(EvidenceError.exit_code)


def closing_entry(opened: App, reading: Reading, run_id: str) -> Entry:
    """The entry that closed a run; raises ConfigurationError when there is none."""
    found = closing_of(reading.entries, run_id)
    if found is None:
        raise ConfigurationError(
            f"no closed run '{run_id}'",
            where=str(opened.configuration.evidence.directory),
            remedy="See `drillbook evidence list`.",
        )
    return found
