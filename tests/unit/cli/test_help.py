"""Each command's help ends with examples that parse, and with the page that says more; `-h` shows it, and shells complete it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from drillbook.cli.examples import examples
from drillbook.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
PAGE = "docs/reference/cli.md"


def commands(made: typer.Typer) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it; the first is the program itself."""
    stack: list[tuple[tuple[str, ...], Any]] = [((), get_command(made))]
    while stack:
        words, command = stack.pop()
        yield words, command
        stack += [((*words, name), child) for name, child in getattr(command, "commands", {}).items()]


def called(root: Any, words: list[str]) -> tuple[str, ...]:
    """The command that a line calls, its options and arguments parsed; nothing is carried out. Raises where they are wrong."""
    path: tuple[str, ...] = ()
    context = root.make_context("drillbook", list(words))
    while hasattr(context.command, "commands"):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        path = (*path, name)
        context = command.make_context(name, rest, parent=context)
    return path


def shown_examples(help_text: str) -> list[str]:
    return [line.strip() for line in help_text.splitlines() if line.startswith("    drillbook ")]


def complaints(made: typer.Typer) -> list[str]:
    """What is wrong with the ends of the helps."""
    root = get_command(made)
    wrong = []
    for words, _command in commands(made):
        name = " ".join(("drillbook", *words))
        lines = CliRunner().invoke(made, [*words, "-h"], prog_name="drillbook").stdout.rstrip().splitlines()
        end = lines[-1].split() if lines else []
        if len(end) != 2 or end[0] != "More:" or not (ROOT / end[1]).is_file():
            wrong.append(f"{name}: ends with no page that is there: {' '.join(end)}")
        found = shown_examples("\n".join(lines))
        if not 1 <= len(found) <= 2:
            wrong.append(f"{name}: {len(found)} examples")
        for line in found:
            try:
                path = called(root, shlex.split(line)[1:])
            except Exception as error:  # noqa: BLE001 - typer's own click has its classes where they are not promised to stay
                asked_for_help = type(error).__name__ == "Exit" and shlex.split(line)[-1] == "-h"
                wrong += [] if asked_for_help else [f"{line}: {error!r}"]
                continue
            if path[: len(words)] != words:
                wrong.append(f"{line}: an example of another command")
    return wrong


def test_every_help_ends_with_examples_and_a_page() -> None:
    assert len(list(commands(app))) > 30
    assert complaints(app) == []


@pytest.mark.parametrize(
    ("epilog", "complaint"),
    [
        (None, "0 examples"),
        (examples("drillbook go there", page="docs/none.md"), "no page that is there: More: docs/none.md"),
        (examples("drillbook go there --fast", page=PAGE), "No such option"),
        (examples("drillbook go", page=PAGE), "MissingParameter"),
        (examples("drillbook went there", page=PAGE), "No such command"),
        (examples("drillbook stay", page=PAGE), "an example of another command"),
        (examples(*["drillbook go there"] * 3, page=PAGE), "3 examples"),
        (examples("drillbook go there", page=PAGE), None),
        (examples("drillbook go there --slow", "drillbook go here", page=PAGE), None),
    ],
    ids=str,
)
def test_a_wrong_end_is_found(epilog: str | None, complaint: str | None) -> None:
    made = typer.Typer(
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog=examples("drillbook stay", page=PAGE),
    )

    @made.command(epilog=epilog)
    def go(place: str, slow: bool = False) -> None:
        pass

    @made.command(epilog=examples("drillbook stay", page=PAGE))
    def stay() -> None:
        pass

    found = complaints(made)
    assert not found if complaint is None else any(complaint in line for line in found), found


@pytest.mark.parametrize("words", [words for words, _command in commands(app)], ids=" ".join)
def test_h_is_help(words: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*words, option], prog_name="drillbook") for option in ("-h", "--help"))
    assert (short.exit_code, short.stdout) == (0, long.stdout)
    assert "-h, --help" in short.stdout


@pytest.mark.parametrize(
    "words", [words for words, command in commands(app) if hasattr(command, "commands")], ids=" ".join
)
def test_no_summary_is_cut_off_on_a_terminal(words: tuple[str, ...]) -> None:
    shown = (
        CliRunner().invoke(app, [*words, "-h"], prog_name="drillbook", terminal_width=80, max_content_width=80).stdout
    )
    listed = shown.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) > 0
    assert [line for line in listed if line.rstrip().endswith("...")] == []


@pytest.mark.parametrize("words", [words for words, _command in commands(app)], ids=" ".join)
def test_what_stands_for_a_value_is_a_word(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*words, "-h"], prog_name="drillbook").stdout
    assert re.findall(r"<list\[.*?\]>|\{[a-z_]+\}", shown) == []


def completed(shell: str, line: str) -> list[str]:
    """What the shell is offered at the end of a line, by the program as it is installed."""
    words = line.split(" ")
    answered = subprocess.run(
        [sys.executable, "-c", "import sys; from drillbook.cli import main; sys.argv[0] = 'drillbook'; main()"],
        env={
            **os.environ,
            "_DRILLBOOK_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answered.returncode == 0, answered.stderr
    return answered.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell: str) -> None:
    offered = completed(shell, "drillbook drill ")
    assert {name for name in ("list", "plan", "run", "clean") if any(name in word for word in offered)} == {
        "list", "plan", "run", "clean",
    }  # fmt: skip
    assert any("--disaster-at" in word for word in completed(shell, "drillbook drill run --dis"))
    assert not any("--point" in word for word in completed(shell, "drillbook drill run --dis"))
