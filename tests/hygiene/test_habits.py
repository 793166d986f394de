"""What the documents tell a contributor to type exists and works as far as it can be tried here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
DEVELOP = (ROOT / "docs/how-to/develop.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z]+):.* ## ", MAKEFILE, re.MULTILINE)
WANTED = {"setup", "lint", "unit", "contract", "role", "lab", "test", "demo", "docs", "lock"}
TOOLS = {".venv", "shellcheck"}


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not here")
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],  # noqa: S607 # make is where the PATH says
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_makefile_has_the_usual_targets() -> None:
    assert set(TARGETS) >= WANTED
    assert set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) == set(TARGETS)  # type: ignore[index]


def test_documents_name_targets_that_exist() -> None:
    named = {
        name for text in (DEVELOP, CONTRIBUTING) for name in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)
    }
    assert named
    assert named <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_calls_what_exists(target: str) -> None:
    planned = make("--dry-run", target, "ROLE=haproxy", "ARGS=-k x")
    assert planned.returncode == 0, planned.stderr
    for word in re.findall(r"(?:^|\s)(scripts/[\w./-]+)", planned.stdout):
        assert (ROOT / word).is_file(), word


@pytest.mark.parametrize("target", ["unit", "contract", "lab", "test"])
def test_arguments_reach_pytest(target: str) -> None:
    assert "-- tests/unit -k 'a b'" in make("--dry-run", target, "ARGS=tests/unit -k 'a b'").stdout


def test_a_role_must_be_named() -> None:
    refused = make("--dry-run", "role")
    assert refused.returncode != 0
    assert "make role ROLE=" in refused.stderr


def test_help_lists_every_target() -> None:
    assert [line.split()[0] for line in make("help").stdout.splitlines()] == TARGETS


@pytest.mark.parametrize("script", ["bootstrap", "roles", "test"])
def test_scripts_say_how_they_are_used_and_refuse_the_rest(script: str) -> None:
    said = subprocess.run(
        [ROOT / "scripts" / script, "--help"], capture_output=True, text=True, check=False, timeout=30
    )
    assert said.returncode == 0
    assert said.stdout.startswith("usage: ")
    refused = subprocess.run(
        [ROOT / "scripts" / script, "--nothing"], capture_output=True, text=True, check=False, timeout=30
    )
    assert refused.returncode == 2


@pytest.fixture
def without(tmp_path: Path) -> Any:
    """Runs a script of ours on a machine that lacks some programs."""

    def run(missing: str, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        for program in Path("/usr/bin").iterdir():
            if not re.match(missing, program.name):
                (tmp_path / program.name).symlink_to(program)
        return subprocess.run(
            [ROOT / "scripts" / script, *arguments],
            env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_without_apt_the_environment_is_all_that_is_asked_for(without: Any) -> None:
    checked = without("apt|dpkg", "bootstrap", "--python", "--check")
    # 1: the environment was made by hand, or is older than the lock.
    assert checked.returncode in {0, 1}, checked.stderr
    assert "apt" not in checked.stderr
    assert "Debian packages" not in checked.stderr


def test_without_apt_the_whole_set_up_names_the_part_that_works(without: Any) -> None:
    refused = without("apt|dpkg", "bootstrap", "--check")
    assert refused.returncode == 3
    assert "no apt" in refused.stderr
    assert "scripts/bootstrap --python" in refused.stderr
    assert "scripts/bootstrap --controller" in refused.stderr


@pytest.mark.parametrize(
    ("made_of", "enough_for"),
    [("requirements.lock", {"--controller"}), ("requirements-dev.lock", {"--controller", "--python"})],
)
def test_an_environment_is_enough_for_what_its_lock_holds(tmp_path: Path, made_of: str, enough_for: set[str]) -> None:
    clone = tmp_path / "clone"
    (clone / "scripts").mkdir(parents=True)
    (clone / ".venv").mkdir()
    for name in (
        "scripts/bootstrap",
        "scripts/lib.sh",
        "requirements.lock",
        "requirements-dev.lock",
        "pyproject.toml",
        "setup.py",
    ):
        shutil.copy2(ROOT / name, clone / name)
    functions, _, _ = (ROOT / "scripts/bootstrap").read_text(encoding="utf-8").partition("\ncheck_only=")
    stamp = f'packages_stamp "$(find_python)" {made_of} >.venv/.stamp-packages; project_stamp >.venv/.stamp-project'
    (clone / "scripts/stamp").write_text(f"{functions}\n{stamp}\n", encoding="utf-8")
    subprocess.run(["bash", "scripts/stamp"], cwd=clone, check=True, timeout=30)  # noqa: S607 # bash is where the PATH says
    found = {
        option
        for option in ("--controller", "--python")
        if subprocess.run(
            [clone / "scripts/bootstrap", option, "--check"], capture_output=True, check=False, timeout=30
        ).returncode
        == 0
    }
    assert found == enough_for


def test_lint_says_at_once_that_shellcheck_is_missing(without: Any) -> None:
    refused = without("shellcheck", "test", "--lint")
    assert refused.returncode == 3
    assert "lint needs shellcheck" in refused.stderr


def test_scripts_offer_the_options_that_documents_name() -> None:
    for script, option in set(
        re.findall(r"scripts/(test|roles|bootstrap) (--[a-z]+)", DEVELOP + CONTRIBUTING + MAKEFILE)
    ):
        assert option in (ROOT / "scripts" / script).read_text(encoding="utf-8"), f"scripts/{script} {option}"


def paths_named(text: str) -> list[str]:
    """Paths in backticks in the tables."""
    rows = [row.split("|") for row in text.splitlines() if row.startswith("|") and not row.startswith("|---")]
    words = [word for row in rows for cell in row[1:] for word in re.findall(r"`([^`]+)`", cell)]
    return [
        word
        for word in words
        if re.match(r"(?:scripts|tests|roles|playbooks|plugins|inventories|molecule|docs|\.\w+)[/.]", word)
        and " " not in word
    ]


def section(title: str, end: str) -> str:
    return DEVELOP[DEVELOP.index(title) : DEVELOP.index(end)]


def test_where_do_i_change_what_names_paths_that_exist() -> None:
    named = paths_named(section("## Where do I change what?", "And in the Python package:"))
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


def test_where_do_i_change_what_in_the_package_names_paths_that_exist() -> None:
    named = paths_named(section("And in the Python package:", "## Change a role"))
    assert len(named) > 20
    assert not [path for path in named if not (ROOT / path).exists()]


def rooms_unnamed(named: list[str]) -> list[str]:
    """Folders of the package in which no path lies that a document names."""
    rooms = [path.parent.relative_to(ROOT) for path in ROOT.glob("scripts/drillbook*/*/__init__.py")]
    assert len(rooms) > 10
    return [str(room) for room in rooms if not any(Path(path).is_relative_to(room) for path in named)]


def test_where_do_i_change_what_leads_into_every_room_of_the_package() -> None:
    named = paths_named(section("And in the Python package:", "## Change a role"))
    assert rooms_unnamed(named) == []
    assert rooms_unnamed([path for path in named if "/stores" not in path]) == ["scripts/drillbook/stores"]


def test_a_further_kind_has_a_model_that_exists() -> None:
    named = paths_named(section("## Add a kind of service", "## A role's scenario"))
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]


def test_documents_name_tests_that_exist() -> None:
    for path, word in re.findall(r"^pytest (\S+) -k (\w+)", DEVELOP + CONTRIBUTING, re.MULTILINE):
        assert word in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no test that {word} selects"


def test_hooks_are_local_and_their_tools_are_ours() -> None:
    hooks: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repository["repo"] for repository in hooks["repos"]} == {"local"}
    for hook in hooks["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].split()[0].split("/")[0] in TOOLS
    locked = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    assert all(f"\n{tool}==" in locked for tool in ("ruff", "yamllint"))


def test_a_build_machine_runs_what_a_person_runs() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert run[-1] == 'exec "$(dirname -- "${BASH_SOURCE[0]}")/../scripts/test" "$@"'
