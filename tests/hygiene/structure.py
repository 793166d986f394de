"""What the package's imports and public names say of its plan, read from the sources."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "drillbook"


def modules(scripts: Path, package: str = PACKAGE) -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((scripts / package).rglob("*.py")):
        parts = path.relative_to(scripts).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(sources: Mapping[str, ast.Module]) -> Iterator[tuple[str, str]]:
    """Every import of one module by another, wherever it stands: at the top, in a function, for the type checker alone."""
    for importer, tree in sources.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [_imported(node.module, alias.name, sources) for alias in node.names]
            else:
                continue
            yield from ((importer, name) for name in names if name in sources and name != importer)


def _imported(module: str, name: str, sources: Mapping[str, ast.Module]) -> str:
    inner = f"{module}.{name}"
    return inner if inner in sources else module


def room(module: str) -> str:
    """The folder or file right below the package that a module belongs to; the package itself for its own ``__init__``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def circles(sources: Mapping[str, ast.Module]) -> list[list[str]]:
    """Modules that import each other, however far around; a package's ``__init__`` counts like any other module."""
    arrows = defaultdict(set)
    for importer, imported in imports(sources):
        arrows[importer].add(imported)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(arrows[module]):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            start = stack.index(module)
            members = stack[start:]
            del stack[start:]
            if len(members) > 1:
                found.append(sorted(members))

    for module in sources:
        if module not in index:
            visit(module)
    return found


def public_names(tree: ast.Module) -> Iterator[str]:
    """What a module defines at its top without an underscore: classes, functions, constants and types."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def defined_twice(sources: Mapping[str, ast.Module]) -> dict[str, list[str]]:
    """Public names that more than one module defines, with those modules."""
    homes = defaultdict(list)
    for module, tree in sources.items():
        for name in dict.fromkeys(public_names(tree)):
            homes[name].append(module)
    return {name: found for name, found in homes.items() if len(found) > 1}
