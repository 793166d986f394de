"""The backup agent's modules, as the host runs them: their own directory first on the path."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

AGENT = Path(__file__).parents[3] / "roles/backup_agent/files"


@pytest.fixture
def agent_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports one of them by name; none is left behind for other tests."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(AGENT))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(AGENT)):
            del sys.modules[name]
