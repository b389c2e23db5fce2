"""Find plugins and keep what they register, by kind and name, with where each came from."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import sys
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from optibench import hookspecs
from optibench.pieces import InputError, nearest

#: The built-in plugins: modules that register through the same hooks as anyone's.
BUILTINS = (
    "optibench.optimizers",
    "optibench.activations",
    "optibench.losses",
    "optibench.schedules",
    "optibench.problems",
    "optibench.metrics",
    "optibench.suites",
    "optibench.executors",
    "optibench.report.figures",
)


class PluginWarning(UserWarning):
    """A plugin that was left out, and why."""


class Replaced(UserWarning):
    """A built-in piece whose name a plugin has taken."""


@dataclass(frozen=True)
class Sources:
    """Where to look for plugins: all that another process needs to build the same registry."""

    folders: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass
class Plugin:
    """One plugin, for ``optibench plugins``."""

    name: str
    origin: str
    error: str = ""
    pieces: list[str] = field(default_factory=list)


class Registry:
    """What is registered: ``registry["optimizer"]["adam"]``."""

    def __init__(self, sources: Sources = Sources()) -> None:
        self.sources = sources
        self.plugins: dict[str, Plugin] = {}
        self.owners: dict[tuple[str, str], str] = {}
        self.built: dict[str, Any] = {}  # problems that were built from it, by label
        self._wrapped: dict[str, Any] = {}  # optimizers such as sam+adam, made when they are asked for
        self._pieces: dict[str, dict[str, Any]] = {kind: {} for kind in hookspecs.KINDS}
        self._manager = pluggy.PluginManager("optibench")
        self._manager.add_hookspecs(hookspecs)
        for name in BUILTINS:
            self._add(name, "built-in", name)
        allowed = os.environ.get("OPTIBENCH_PLUGINS")
        for entry in sorted(entry_points(group="optibench"), key=lambda entry: entry.name):
            if allowed is None or entry.name in allowed.split(","):
                distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
                self._add(entry.name, f"entry point of {distribution}", entry)
        for name in sources.modules:
            self._add(name, "module", name)
        for folder in sources.folders:
            for path in plugin_files(Path(folder)):
                self._add(path.stem, str(path), path)

    @property
    def kinds(self) -> list[str]:
        return list(self._pieces)

    def __getitem__(self, kind: str) -> dict[str, Any]:
        if kind not in self._pieces:
            raise InputError(f"no kind of piece named '{kind}'; {nearest(kind, self._pieces)}")
        return self._pieces[kind]

    def get(self, kind: str, name: str) -> Any:
        """The piece of this name, or an error that says the nearest."""
        pieces = self[kind]
        if kind == "optimizer" and "+" in name:
            if name not in self._wrapped:
                outer, _, inner = name.partition("+")
                self._wrapped[name] = self.get("wrapper", outer)(self.get("optimizer", inner))
            return self._wrapped[name]
        if name not in pieces:
            raise InputError(f"no {kind} named '{name}'; {nearest(name, pieces)}")
        return pieces[name]

    def owner(self, kind: str, name: str) -> str:
        """The plugin that a piece came from; of ``sam+adam`` both."""
        if kind == "optimizer" and "+" in name:
            outer, _, inner = name.partition("+")
            return "+".join(dict.fromkeys([self.owner("wrapper", outer), self.owner("optimizer", inner)]))
        return self.owners[kind, name]

    def is_builtin(self, kind: str, name: str) -> bool:
        return all(self.plugins[owner].origin == "built-in" for owner in self.owner(kind, name).split("+"))

    @property
    def is_local(self) -> bool:
        """Whether it holds pieces that only this process knows."""
        return "local" in self.plugins

    def add_local(self, kind: str, pieces: list[Any]) -> None:
        """Register pieces that came from no plugin."""
        plugin = self.plugins.setdefault("local", Plugin("local", "this process"))
        for piece in pieces:
            self._claim(kind, piece, plugin)

    def _add(self, name: str, origin: str, found: Any) -> None:
        """Import and register one plugin; a broken one is left out loudly."""
        if name in self.plugins:
            raise InputError(
                f"two plugins named '{name}': {self.plugins[name].origin} and {origin}; rename or remove one"
            )
        plugin = self.plugins[name] = Plugin(name, origin)
        try:
            module = _import(found)
            self._check_hooks(module)
            self._manager.register(module, name)
            pieces = self._collect(module)
        except InputError as error:
            plugin.error = str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, SystemExit too
            plugin.error = reason(error)
        if plugin.error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            warnings.warn(f"plugin '{name}' ({origin}) left out: {plugin.error}", PluginWarning, stacklevel=2)
            return
        for kind, piece in pieces:
            self._claim(kind, piece, plugin)

    def _check_hooks(self, module: Any) -> None:
        """pluggy's own check_pending sees a misspelled hook too, but not what would be right."""
        hooks = [f"optibench_{plural}" for plural, _ in hookspecs.KINDS.values()]
        for name in dir(module):
            options = self._manager.parse_hookimpl_opts(module, name)
            if options is not None and (hook := options.get("specname") or name) not in hooks:
                raise InputError(f"no hook named '{hook}'; {nearest(hook, hooks)}")

    def _collect(self, module: Any) -> list[tuple[str, Any]]:
        """What a plugin's hooks return, each piece checked for its kind."""
        pieces = []
        for kind, (plural, allowed) in hookspecs.KINDS.items():
            hook = getattr(self._manager.hook, f"optibench_{plural}")
            for implementation in hook.get_hookimpls():
                if implementation.plugin is not module:
                    continue
                returned = implementation.function()
                if not isinstance(returned, list):
                    raise InputError(f"optibench_{plural} returned {type(returned).__name__}; it must return a list")
                for piece in returned:
                    if not isinstance(piece, allowed):
                        raise InputError(
                            f"optibench_{plural} returned {piece!r:.80}, which is no {kind}; decorate it with @{kind}"
                        )
                    pieces.append((kind, piece))
        return pieces

    def _claim(self, kind: str, piece: Any, plugin: Plugin) -> None:
        """Take the name for a plugin. A plugin named after a built-in piece, lion.py, replaces it, and that is said."""
        other = self.plugins.get(self.owners.get((kind, piece.name), ""))
        if other is not None:
            text = f"the {kind} '{piece.name}': {other.name} ({other.origin}) and {plugin.name} ({plugin.origin})"
            if other.origin != "built-in" or plugin.name != piece.name:
                mend = f", or name the plugin {piece.name} to replace the built-in" * (other.origin == "built-in")
                raise InputError(f"two plugins register {text}; rename or remove one{mend}")
            other.pieces.remove(f"{kind} {piece.name}")
            warnings.warn(f"two plugins register {text}; {plugin.name} replaces the built-in", Replaced, stacklevel=2)
        self.owners[kind, piece.name] = plugin.name
        self._pieces[kind][piece.name] = piece
        plugin.pieces.append(f"{kind} {piece.name}")


def reason(error: BaseException) -> str:
    """An exception in one line, with the place in the plugin where it was raised."""
    if isinstance(error, SyntaxError):
        return f"syntax error at line {error.lineno}: {error.msg}"
    place, trace = "", error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("<"):
            place = f" ({Path(code.co_filename).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def plugin_files(folder: Path) -> list[Path]:
    """The single-file plugins of a folder (or one file): Python files that speak of ``hookimpl``, tests left out."""
    if not folder.exists():
        raise InputError(f"--plugins {folder}: no such folder; give one that holds plugin files")
    files = [folder] if folder.is_file() else sorted(folder.glob("*.py"))
    return [
        path.resolve()
        for path in files
        if not path.name.startswith(("_", "test_", "conftest")) and b"hookimpl" in path.read_bytes()
    ]


def _import(found: Any) -> ModuleType:
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


@lru_cache
def _cached(sources: Sources) -> Registry:
    return Registry(sources)


def registry(sources: Sources = Sources()) -> Registry:
    """The registry of these sources, built once a process."""
    return _cached(sources)
