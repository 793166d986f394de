"""What the package imports is what it declares: to run at all, for a provider, for the lab. Both locks hold it."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from sys import stdlib_module_names
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = [Requirement(line) for line in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(line) for line in lines] for name, lines in PROJECT["optional-dependencies"].items()}
PROVIDERS = ROOT / "scripts/drillbook/providers"
# Which code an extra is for. What it imports beside the base is what the extra brings.
CODE = {
    "proxmox": [PROVIDERS / "proxmox"],
    "ec2": [PROVIDERS / "ec2"],
    "mitogen": [ROOT / "plugins/strategy"],
    "lab": [ROOT / "scripts/drillbook_lab", PROVIDERS / "lab"],
}
OURS = {"drillbook", "drillbook_lab"}
# Parts of what is declared, always in step with it; the package `ansible` brings the collections, too.
PARTS = {"ansible-core": "ansible", "botocore": "boto3", "pydantic-core": "pydantic"}
LOCKS = {"requirements.lock": ("proxmox", "ec2", "mitogen"), "requirements-dev.lock": tuple(EXTRAS)}


def files(place: Path) -> set[Path]:
    return set(place.rglob("*.py"))


def run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker reads."""
    yield tree
    children = tree.orelse if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING" else None
    for child in ast.iter_child_nodes(tree) if children is None else children:
        yield from run(child)


def imported(paths: set[Path]) -> set[str]:
    """The distributions that these files import."""
    modules: set[str] = set()
    for path in paths:
        for node in run(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            modules |= {name.partition(".")[0] for name in names}
    found = packages_distributions()
    others = modules - OURS - stdlib_module_names
    distributions = {_normal(name) for module in others for name in found.get(module, [module])}
    return {PARTS.get(name, name) for name in distributions}


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {_normal(name): version for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, re.MULTILINE)}


def names(requirements: list[Requirement]) -> set[str]:
    return {_normal(requirement.name) for requirement in requirements}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_base_is_what_all_the_rest_imports() -> None:
    optional = {path for places in CODE.values() for place in places for path in files(place)}
    assert imported(files(ROOT / "scripts/drillbook") - optional) == names(BASE)


@pytest.mark.parametrize("extra", CODE)
def test_an_extra_is_what_its_code_imports_beside(extra: str) -> None:
    wanted = imported({path for place in CODE[extra] for path in files(place)})
    assert wanted - names(BASE) == names(EXTRAS[extra])


def test_every_extra_but_that_of_contributors_has_code() -> None:
    assert set(EXTRAS) == {*CODE, "dev"}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_is_required(lock: str) -> None:
    pinned = locked(lock)
    for requirement in [*BASE, *(one for extra in LOCKS[lock] for one in EXTRAS[extra])]:
        version = pinned.get(_normal(requirement.name))
        assert version, f"{requirement.name} is not in {lock}"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_what_is_tested_is_what_runs() -> None:
    to_run, to_test = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: version for name, version in to_run.items() if to_test.get(name) != version} == {}
    assert not names(EXTRAS["dev"]) - {"setuptools"} & set(to_run)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=[A-Za-z0-9_.-]+==)", text)[1:]
    assert entries
    assert not [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert "://" not in text
