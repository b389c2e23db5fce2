"""Find plugins and keep what they register, by kind and name, with where each came from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from optibench.errors import InputError, PluginError, SettingError, UnknownName, quoted, reason
from optibench.plugin import hookspecs
from optibench.plugin.choice import BETWEEN, NAME_ENDS, Choice, is_storable, label
from optibench.plugin.functions import Function
from optibench.plugin.hookspecs import Piece
from optibench.plugin.loading import import_plugin, plugin_files
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, ProblemFactory
from optibench.plugin.types import Facts
from optibench.plugin.wrapper import AROUND, Wrapper, unwrapped

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
    "optibench.report.instrument_figures",
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
    """One plugin, for ``optibench plugins``: where it came from, why it was left out, and its pieces by kind."""

    name: str
    origin: str
    builtin: bool = False
    error: str = ""
    pieces: dict[str, list[str]] = field(default_factory=dict)


class Registry:
    """What is registered: ``registry["optimizer"]["adam"]``."""

    def __init__(self, sources: Sources = Sources()) -> None:
        self.sources = sources
        self.plugins: dict[str, Plugin] = {}
        self._local: Plugin | None = None  # of pieces that only this process knows
        self._owners: dict[tuple[str, str], Plugin] = {}
        self._problems: dict[str, Problem] = {}  # those that were built, by label
        self._wrapped: dict[str, Optimizer] = {}  # such as sam+adam, made when they are asked for
        self._pieces: dict[str, dict[str, Any]] = {kind: {} for kind in hookspecs.KINDS}
        self._manager = pluggy.PluginManager("optibench")
        self._manager.add_hookspecs(hookspecs)
        for name in BUILTINS:
            self._add(Plugin(name, "built-in", builtin=True), name)
        allowed = os.environ.get("OPTIBENCH_PLUGINS")
        for entry in sorted(entry_points(group="optibench"), key=lambda entry: entry.name):
            if allowed is None or entry.name in allowed.split(","):
                distribution = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
                self._add(Plugin(entry.name, f"entry point of {distribution}"), entry)
        for name in sources.modules:
            self._add(Plugin(name, "module"), name)
        for folder in sources.folders:
            for path in plugin_files(Path(folder)):
                self._add(Plugin(path.stem, str(path)), path)

    @property
    def kinds(self) -> list[str]:
        return list(self._pieces)

    def __getitem__(self, kind: str) -> dict[str, Any]:
        if kind not in self._pieces:
            raise UnknownName("plugin type", kind, self._pieces)
        return self._pieces[kind]

    def get(self, kind: str, name: str) -> Any:
        """The plugin of this kind and name; UnknownName, with the nearest, where there is none."""
        pieces = self[kind]
        if name in pieces:
            return pieces[name]
        if kind == "optimizer" and (parts := unwrapped(name)):
            if name not in self._wrapped:
                outer: Wrapper = self.get("wrapper", parts[0])
                self._wrapped[name] = outer(self.get("optimizer", parts[1]))
            return self._wrapped[name]
        raise UnknownName(kind, name, pieces)

    def problem(self, choice: Choice) -> Problem:
        """The problem of this name and these parameters, built once; activations and losses are named."""
        key = label(*choice)
        if key not in self._problems:
            factory: ProblemFactory = self.get("problem", choice[0])
            try:
                self._problems[key] = factory(**self.parameters(choice))
            except SettingError as error:
                raise SettingError(f"problem {quoted(key)}: {error}", error.setting) from None
            except InputError:
                raise
            except Exception as error:
                raise PluginError(f"problem {quoted(key)} cannot be built: {reason(error)}") from error
        return self._problems[key]

    def parameters(self, choice: Choice) -> Facts:
        """A problem's parameters, with the piece itself where an activation or a loss is named."""
        name, chosen = choice
        declared = self.get("problem", name).parameters
        return {
            key: self.get(hookspecs.kind_of(declared[key]), value)
            if isinstance(declared[key], Function) and isinstance(value, str)
            else value
            for key, value in chosen.items()
        }

    def owners(self, kind: str, name: str) -> list[Plugin]:
        """The plugin that registered a piece; of ``sam+adam`` that of each part."""
        if kind == "optimizer" and (kind, name) not in self._owners and (parts := unwrapped(name)):
            plugins = [*self.owners("wrapper", parts[0]), *self.owners("optimizer", parts[1])]
            return list({plugin.name: plugin for plugin in plugins}.values())
        return [self._owners[kind, name]]

    def owner(self, kind: str, name: str) -> str:
        """The names of its owners, as columns show them."""
        return AROUND.join(plugin.name for plugin in self.owners(kind, name))

    def is_builtin(self, kind: str, name: str) -> bool:
        return all(plugin.builtin for plugin in self.owners(kind, name))

    @property
    def is_local(self) -> bool:
        """Whether it holds pieces that only this process knows."""
        return self._local is not None

    def add_local(self, kind: str, pieces: Sequence[Piece]) -> None:
        """Register pieces that came from no plugin."""
        self._local = self._local or Plugin("local", "this process")
        for piece in pieces:
            _check_name(kind, piece.name)
            self._claim(kind, piece, self._local)

    def _add(self, plugin: Plugin, source: EntryPoint | Path | str) -> None:
        """Import and register one plugin; a broken one is left out loudly."""
        if plugin.name in self.plugins:
            raise PluginError(
                f"two plugins named '{plugin.name}': {self.plugins[plugin.name].origin} and {plugin.origin}; rename or "
                "remove one"
            )
        self.plugins[plugin.name] = plugin
        try:
            module = import_plugin(source)
            self._check_hooks(module)
            self._manager.register(module, plugin.name)
            pieces = self._collect(module)
        except InputError as error:
            plugin.error = str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin may raise anything, SystemExit too
            plugin.error = reason(error)
        if plugin.error:
            if self._manager.has_plugin(plugin.name):
                self._manager.unregister(name=plugin.name)
            text = f"plugin '{plugin.name}' ({plugin.origin}) left out: {plugin.error}"
            warnings.warn(text, PluginWarning, stacklevel=2)
            return
        for kind, piece in pieces:
            self._claim(kind, piece, plugin)

    def _check_hooks(self, module: ModuleType) -> None:
        """pluggy's own check_pending sees a misspelled hook too, but not which hook was meant."""
        hooks = [f"optibench_{plural}" for plural, _ in hookspecs.KINDS.values()]
        for name in dir(module):
            options = self._manager.parse_hookimpl_opts(module, name)
            if options is not None and (hook := options.get("specname") or name) not in hooks:
                raise UnknownName("hook", hook, hooks)

    def _collect(self, module: ModuleType) -> list[tuple[str, Piece]]:
        """What a plugin's hooks return, each piece checked for its kind."""
        pieces: list[tuple[str, Piece]] = []
        for kind, (plural, allowed) in hookspecs.KINDS.items():
            hook = getattr(self._manager.hook, f"optibench_{plural}")
            for implementation in hook.get_hookimpls():
                if implementation.plugin is not module:
                    continue
                returned = implementation.function()
                if not isinstance(returned, list):
                    raise PluginError(f"optibench_{plural} returned {type(returned).__name__}; it must return a list")
                for piece in returned:
                    if not isinstance(piece, allowed):
                        raise PluginError(
                            f"optibench_{plural} returned {piece!r:.80}, which is not {article(kind)} {kind}; decorate "
                            f"it with @{kind}"
                        )
                    _check_name(kind, piece.name, (AROUND,) if kind in ("optimizer", "wrapper") else ())
                    pieces.append((kind, piece))
        return pieces

    def _claim(self, kind: str, piece: Piece, plugin: Plugin) -> None:
        """Take the name for a plugin. A plugin named after a built-in piece, lion.py, replaces it with a warning."""
        other = self._owners.get((kind, piece.name))
        if other is not None:
            text = f"the {kind} '{piece.name}': {other.name} ({other.origin}) and {plugin.name} ({plugin.origin})"
            if not other.builtin or plugin.name != piece.name:
                fix = f", or name the plugin {piece.name} to replace the built-in" * other.builtin
                raise PluginError(f"two plugins register {text}; rename or remove one{fix}")
            other.pieces[kind].remove(piece.name)
            warnings.warn(f"two plugins register {text}; {plugin.name} replaces the built-in", Replaced, stacklevel=2)
        self._owners[kind, piece.name] = plugin
        self._pieces[kind][piece.name] = piece
        plugin.pieces.setdefault(kind, []).append(piece.name)


def _check_name(kind: str, name: str, more: tuple[str, ...] = ()) -> None:
    """Refuse a name that could not be chosen or stored."""
    for character in (NAME_ENDS, BETWEEN, *more):
        if character in name:
            raise PluginError(f"{kind} {quoted(name)}: '{character}' ends a name where it is chosen; rename it")
    if not name or not is_storable(name):
        raise PluginError(f"{kind} {quoted(name)}: files cannot hold this name; rename it")


def article(kind: str) -> str:
    return "an" if kind[0] in "aeiou" else "a"


@lru_cache
def _cached(sources: Sources) -> Registry:
    return Registry(sources)


def registry(sources: Sources = Sources()) -> Registry:
    """The registry of these sources, built once a process."""
    return _cached(sources)
