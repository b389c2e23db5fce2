"""Find plugins and keep what they register, by kind and name, with where each came from."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pluggy

from optibench.errors import InputError, nearest, reason
from optibench.plugin import hookspecs
from optibench.plugin.choice import Choice, label
from optibench.plugin.functions import Function
from optibench.plugin.loading import import_plugin, plugin_files
from optibench.plugin.problem import Problem, ProblemFactory

#: The built-in plugins: modules that register through the same hooks as anyone's.
BUILTINS = (
    "optibench.optimizers",
    "optibench.activations",
    "optibench.losses",
    "optibench.schedules",
    "optibench.problems",
    "optibench.metrics",
    "optibench.suites",
    "optibench.runner.executors",
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
        self._problems: dict[str, Problem] = {}  # those that were built, by label
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

    def problem(self, choice: Choice) -> Problem:
        """The problem of this name and these parameters, built once; activations and losses are named."""
        key = label(*choice)
        if key not in self._problems:
            factory: ProblemFactory = self.get("problem", choice[0])
            try:
                self._problems[key] = factory(**self.parameters(choice))
            except InputError:
                raise
            except Exception as error:
                raise InputError(f"problem '{key}' cannot be built: {reason(error)}") from error
        return self._problems[key]

    def parameters(self, choice: Choice) -> dict[str, Any]:
        """A problem's parameters, with the piece itself where an activation or a loss is named."""
        name, given = choice
        declared = self.get("problem", name).parameters
        return {
            key: self.get(hookspecs.kind_of(declared[key]), value)
            if isinstance(declared[key], Function) and isinstance(value, str)
            else value
            for key, value in given.items()
        }

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
            module = import_plugin(found)
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


@lru_cache
def _cached(sources: Sources) -> Registry:
    return Registry(sources)


def registry(sources: Sources = Sources()) -> Registry:
    """The registry of these sources, built once a process."""
    return _cached(sources)
