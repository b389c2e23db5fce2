"""What ``optibench.run``, ``replicate`` and ``race`` do: pieces and names to a registry, and what is run with it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from optibench.errors import SettingError, StoreError
from optibench.experiment.choices import OptimizerLike, ProblemLike, listed
from optibench.experiment.resolve import resolve
from optibench.experiment.settings import Experiment
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, ProblemFactory
from optibench.plugin.registry import Registry, Sources, registry
from optibench.racing.race import Race, RateLike, hold
from optibench.results import Results, load
from optibench.runner.replication import beside, replication
from optibench.runner.run import execute

PIECES = {"problem": Problem | ProblemFactory, "optimizer": Optimizer}


def run_experiment(
    problems: ProblemLike | Sequence[ProblemLike],
    optimizers: OptimizerLike | Sequence[OptimizerLike],
    settings: Mapping[str, object],
    *,
    workers: int | None,
    timeout: float | None,
    executor: str | None,
    out: str | Path | None,
    plugins: str | Path | Sequence[str | Path],
    modules: str | Sequence[str],
) -> Results:
    """Run and load; without ``out`` in a temporary folder that is gone when this returns."""
    sources = Sources(tuple(map(str, listed(plugins))), tuple(map(str, listed(modules))))
    pieces = {"problem": listed(problems), "optimizer": listed(optimizers)}
    known = _registry(sources, pieces)
    named = {f"{kind}s": [_named(item) for item in items] for kind, items in pieces.items()}
    experiment = resolve({**named, **settings}, known)
    if workers == 1 and executor is None:
        executor = "inline"  # a script without a __main__ guard cannot start processes
    if out is not None:
        execute(experiment, known, out, workers=workers, timeout=timeout, executor=executor)
        return load(out)
    with tempfile.TemporaryDirectory(prefix="optibench-") as folder:
        execute(experiment, known, folder, workers=workers, timeout=timeout, executor=executor)
        results = load(folder)
        results.surfaces  # noqa: B018  a cached property that reads files: now, before the folder goes
        return results


def replicate(
    folder: str | Path,
    *,
    workers: int | None,
    timeout: float | None,
    out: str | Path | None,
    plugins: str | Path | Sequence[str | Path],
    modules: str | Sequence[str],
) -> pd.DataFrame:
    """Run the replication of a folder, and compare its claims."""
    known = registry(Sources(tuple(map(str, listed(plugins))), tuple(map(str, listed(modules)))))
    first, experiment, target = to_replicate(Path(folder), out, known)
    executor = "inline" if workers == 1 else None  # as run_experiment
    execute(experiment, known, target, workers=workers, timeout=timeout, executor=executor)
    return first.claims(load(target))


def to_replicate(folder: Path, out: str | Path | None, known: Registry) -> tuple[Results, Experiment, Path]:
    """The results whose claims are tested, the experiment that tests them, and the folder that it goes to."""
    if folder.is_file():
        raise StoreError(f"'{folder}' is a table, which does not say how to run the experiment again; give a folder")
    first = load(folder)
    if first.compare().tuning == "best":
        raise StoreError(f"'{folder}' has no evaluation runs yet; finish the experiment by the command that began it")
    experiment, target = replication(folder, known), Path(out) if out else beside(folder)
    if target.resolve() == folder.resolve():
        raise StoreError(f"'{target}' holds the results that are to be replicated; choose another folder by --out")
    return first, experiment, target


def race(
    problem: ProblemLike,
    optimizers: OptimizerLike | Sequence[OptimizerLike],
    *,
    lr: RateLike,
    steps: int | None,
    seed: int,
    start: Sequence[float] | None,
    tune: bool,
    plugins: str | Path | Sequence[str | Path],
    modules: str | Sequence[str],
) -> Race:
    """Hold a race of pieces or names."""
    sources = Sources(tuple(map(str, listed(plugins))), tuple(map(str, listed(modules))))
    known = _registry(sources, {"problem": [problem], "optimizer": listed(optimizers)})
    named = [_named(item) for item in listed(optimizers)]
    return hold(_named(problem), named, known, lr=lr, steps=steps, seed=seed, start=start, tune=tune)


def _registry(sources: Sources, pieces: Mapping[str, Sequence[object]]) -> Registry:
    """The registry of these sources; where a caller made pieces on the spot, one of its own that has them too."""
    known = registry(sources)
    for kind, items in pieces.items():
        made = [_piece(kind, item) for item in items if isinstance(item, Problem | ProblemFactory | Optimizer)]
        unknown = [piece for piece in made if known[kind].get(piece.name) is not piece]
        if unknown:
            known = known if known.is_local else Registry(sources)
            known.add_local(kind, unknown)
    return known


def _piece(kind: str, item: Problem | ProblemFactory | Optimizer) -> ProblemFactory | Optimizer:
    """A piece as it is registered: a problem as a factory that returns it."""
    if not isinstance(item, PIECES[kind]):
        other = "optimizer" if isinstance(item, Optimizer) else "problem"
        expected = "an optimizer" if kind == "optimizer" else "a problem"
        raise SettingError(f"expected {expected}, got the {other} '{item.name}'; swap problems and optimizers")
    return ProblemFactory(item.name, lambda: item, {}) if isinstance(item, Problem) else item


def _named(item: object) -> object:
    """A piece by its name, whatever characters that has."""
    return (item.name, {}) if isinstance(item, Problem | ProblemFactory | Optimizer) else item
