"""Import a plugin: an entry point, a module, or a single file of a folder."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from optibench.errors import PluginError


def plugin_files(folder: Path) -> list[Path]:
    """The single-file plugins of a folder (or one file): Python files that speak of ``hookimpl``, tests left out."""
    if not folder.exists():
        raise PluginError(f"--plugins {folder}: no such folder; give one that holds plugin files")
    files = [folder] if folder.is_file() else sorted(folder.glob("*.py"))
    return [
        path.resolve()
        for path in files
        if not path.name.startswith(("_", "test_", "conftest")) and b"hookimpl" in path.read_bytes()
    ]


def import_plugin(found: Any) -> ModuleType:
    if isinstance(found, Path):
        name = f"optibench_plugin_{found.stem}_{hashlib.sha256(str(found).encode()).hexdigest()[:8]}"
        ast.parse(found.read_bytes(), str(found))  # a syntax error with its line, before anything runs
        spec = importlib.util.spec_from_file_location(name, found)
        assert spec and spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    if isinstance(found, str):
        return importlib.import_module(found)
    loaded: ModuleType = found.load()
    return loaded
