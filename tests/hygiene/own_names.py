"""Who names a plugin or role of this tree by less than its full name: an installed collection would not find it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hygiene.entry_points import COLLECTION, PARTS_OF_A_PLAY, ROLE_USES, load

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = {".j2", ".md", ".yml"}
# What a release said is history.
HISTORY = {"CHANGELOG.md"}
_FULL = re.compile(rf"\b{re.escape(COLLECTION)}(\w+)")
_PARTS = (*PARTS_OF_A_PLAY, "handlers")


def _stems(root: Path, *folders: str) -> set[str]:
    return {path.stem for folder in folders for path in (root / "plugins" / folder).glob("*.py")}


def _jinja(root: Path, folder: str) -> set[str]:
    """The names that the files of a folder give to Jinja: the keys of what `filters` or `tests` returns."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (root / "plugins" / folder).glob("*.py")]
    methods = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    given = (node for method in methods if method.name == f"{folder}s" for node in ast.walk(method))
    return {
        key.value
        for node in given
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _one_of(names: set[str]) -> str:
    """A pattern for them, longest first; one that matches nothing where there are none."""
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or r"(?!)"


class Own:
    """The names that a tree gives to its plugins and roles."""

    def __init__(self, root: Path) -> None:
        self.modules = _stems(root, "action", "modules")
        self.lookups = _stems(root, "lookup")
        self.filters, self.tests = _jinja(root, "filter"), _jinja(root, "test")
        self.utilities = _stems(root, "module_utils")
        self.roles = {path.name for path in (root / "roles").iterdir()}
        self._expressions = [
            re.compile(rf"\|\s*({_one_of(self.filters)})\b"),
            re.compile(rf"\bmap\(\s*['\"]({_one_of(self.filters)})['\"]"),
            re.compile(rf"\bis\s+(?:not\s+)?({_one_of(self.tests)})\b"),
            re.compile(rf"\b(?:select|reject)(?:attr)?\([^)]*['\"]({_one_of(self.tests)})['\"]"),
            re.compile(rf"\b(?:lookup|query|q)\(\s*['\"]({_one_of(self.lookups)})['\"]"),
            re.compile(rf"\bwith_({_one_of(self.lookups)}):"),
        ]
        self._commands = re.compile(rf"\bansible\s[^\n`]*-m\s+({_one_of(self.modules)})\b")
        self._snippets = re.compile(rf"^\s*(?:- )?({_one_of(self.modules)}):(?:\s|$)", re.MULTILINE)
        self._role_snippets = re.compile(rf"_role:\s*\{{?\s*name:\s*\"?({_one_of(self.roles)})\b")
        self._imports = re.compile(rf"ansible\.module_utils(?:\.| import [\w, ]*\b)({_one_of(self.utilities)})\b")

    def in_text(self, text: str) -> Iterator[str]:
        """Filters, tests and lookups in expressions, and modules of commands."""
        for pattern in (*self._expressions, self._commands):
            yield from pattern.findall(text)

    def in_page(self, text: str) -> Iterator[str]:
        """Modules and roles in a page's examples."""
        for example in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if "hosts:" in example or "- name:" in example:
                yield from self._snippets.findall(example)
        yield from self._role_snippets.findall(text)

    def in_code(self, text: str) -> Iterator[str]:
        """What a plugin imports of the others."""
        yield from self._imports.findall(text)

    def in_tasks(self, entries: object) -> Iterator[str]:
        """Modules, actions and roles in plays and tasks."""
        for entry in entries if isinstance(entries, list) else []:
            if not isinstance(entry, dict):
                continue
            yield from self.modules & entry.keys()
            yield from self.modules & (entry.get("module_defaults") or {}).keys()
            for key in ("action", "local_action"):
                said = entry.get(key) or ""
                word = said.get("module", "") if isinstance(said, dict) else said.partition(" ")[0]
                yield from {word} & self.modules
            yield from (role for role in _roles_named(entry) if self._is_short(role))
            for part in _PARTS:
                yield from self.in_tasks(entry.get(part))

    def in_dependencies(self, meta: Any) -> Iterator[str]:
        """Roles that a role depends on."""
        named = (meta or {}).get("dependencies") or []
        yield from (role for role in _roles_named({"roles": named}) if self._is_short(role))

    def _is_short(self, role: str) -> bool:
        """Whether it is a name of ours, or one that is made of variables alone and so may be ours."""
        return role in self.roles or role.startswith("{{")


def _roles_named(entry: dict[str, Any]) -> Iterator[str]:
    for use in (entry[key] for key in ROLE_USES if key in entry):
        yield use["name"]
    listed = entry.get("roles")
    for role in listed if isinstance(listed, list) else []:
        yield role.get("role", role.get("name")) if isinstance(role, dict) else role


def unknown_names(root: Path, files: list[Path]) -> list[str]:
    """Each full name of ours that nothing in the tree has, with its file."""
    own = Own(root)
    playbooks = {path.stem for path in (root / "playbooks").rglob("*.yml")}
    # `plugins` begins the path of a file.
    known = own.modules | own.lookups | own.filters | own.tests | own.roles | playbooks | {"plugins"}
    found: list[str] = []
    for path in files:
        if path.suffix in TEXTS:
            named = set(_FULL.findall(path.read_text(encoding="utf-8")))
            found += [f"{path.relative_to(root)}: {name}" for name in sorted(named - known)]
    return found


def short_names(root: Path, files: list[Path]) -> list[str]:
    """Each short name with its file."""
    own = Own(root)
    found: list[str] = []
    for path in files:
        place = path.relative_to(root)
        if place.name in HISTORY or not (path.suffix in TEXTS or place.parts[0] == "plugins"):
            continue
        text = path.read_text(encoding="utf-8")
        names = {*own.in_text(text)}
        if path.suffix == ".md":
            names |= {*own.in_page(text)}
        elif path.suffix == ".py":
            names |= {*own.in_code(text)}
        elif place.parts[-2:] == ("meta", "main.yml"):
            names |= {*own.in_dependencies(load(path))}
        elif path.suffix == ".yml":
            names |= {*own.in_tasks(load(path))}
        found += [f"{place}: {name}" for name in sorted(names)]
    return found
