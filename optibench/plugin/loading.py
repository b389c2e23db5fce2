"""Import a plugin: an entry point, a module, or a single file of a folder."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

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


def import_plugin(source: Path | str | EntryPoint) -> ModuleType:
    """The module of a file, of a module name, or of an entry point."""
    if isinstance(source, Path):
        return _import_file(source)
    if isinstance(source, str):
        return importlib.import_module(source)
    loaded: ModuleType = source.load()
    return loaded


def _import_file(path: Path) -> ModuleType:
    """A file by its place. Modules beside it can be imported, as ``from .helper import x`` or by their names."""
    tree = ast.parse(path.read_bytes(), str(path))  # a syntax error with its line, before anything runs
    name = f"{_package(path.parent)}.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last, so that no helper hides another package
    spec.loader.exec_module(module)
    _check_helpers(path, tree)
    return module


def _package(folder: Path) -> str:
    """A package of a folder's files, under a name that no other folder has."""
    name = f"optibench_plugins_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        own = folder / "__init__.py"
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        if own.exists():
            spec = importlib.util.spec_from_file_location(name, own, submodule_search_locations=[]) or spec
        assert spec.submodule_search_locations is not None
        spec.submodule_search_locations.append(str(folder))
        sys.modules[name] = importlib.util.module_from_spec(spec)
        if spec.loader is not None:
            spec.loader.exec_module(sys.modules[name])
    return name


def _check_helpers(path: Path, tree: ast.Module) -> None:
    """Refuse a module that was imported by its name from elsewhere though one of this name lies beside the plugin."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in (name.partition(".")[0] for name in names):
            files = [path.parent / f"{name}.py", path.parent / name / "__init__.py"]
            loaded = getattr(sys.modules.get(name), "__file__", None)
            if loaded and any(file.exists() for file in files) and Path(loaded).resolve() not in files:
                raise PluginError(
                    f"'import {name}' finds {loaded}, not the {name} beside the plugin; write `from .{name} import ...`"
                )
