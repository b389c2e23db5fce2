"""What ``optibench.run`` does: pieces and names to a registry, an experiment and its results."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optibench.errors import InputError
from optibench.experiment.resolve import experiment
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, ProblemFactory
from optibench.plugin.registry import Registry, Sources, registry
from optibench.results import Results, load
from optibench.runner.run import execute


def run_experiment(facts: Mapping[str, Any], out: str | Path | None, plugins: Any, modules: Any, **how: Any) -> Results:
    """Run and load; without ``out`` in a temporary folder that is gone when this returns."""
    sources = Sources(tuple(map(str, _listed(plugins))), tuple(_listed(modules)))
    found = registry(sources)
    named = dict(facts)
    for kind in ("problem", "optimizer"):
        items = _listed(named[f"{kind}s"])
        pieces = [_piece(kind, item) for item in items if isinstance(item, Problem | ProblemFactory | Optimizer)]
        unknown = [piece for piece in pieces if found[kind].get(piece.name) is not piece]
        if unknown:
            found = found if found.is_local else Registry(sources)
            found.add_local(kind, unknown)
        named[f"{kind}s"] = [getattr(item, "name", item) for item in items]
    what = experiment(named, found)
    if how["workers"] == 1 and how["executor"] is None:
        how["executor"] = "inline"  # a script without a __main__ guard cannot start processes
    if out is not None:
        execute(what, found, out, **how)
        return load(out)
    with tempfile.TemporaryDirectory(prefix="optibench-") as folder:
        execute(what, found, folder, **how)
        results = load(folder)
        results.surfaces  # noqa: B018  a cached property that reads files: now, before the folder goes
        return results


def _listed(items: Any) -> list[Any]:
    return list(items) if isinstance(items, list | tuple) else [items]


def _piece(kind: str, item: Any) -> Any:
    """An unregistered problem is registered as a factory that returns it."""
    if isinstance(item, Optimizer) != (kind == "optimizer"):
        raise InputError(f"'{item.name}' is given as {kind}, but is none; swap problems and optimizers")
    return ProblemFactory(item.name, lambda: item, {}) if isinstance(item, Problem) else item
