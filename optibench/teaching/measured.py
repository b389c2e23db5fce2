"""Where a rule wins and where it loses, measured: itself and the rule that it comes from, at equal tuned budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from optibench.errors import InputError, reason
from optibench.experiment.resolve import resolve
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.plugin.types import Facts
from optibench.results import Results, load
from optibench.runner.run import execute

#: A small experiment: enough replicates for claims on every problem, and little else.
SETTINGS: Mapping[str, object] = {
    "problems": ["quadratic", "rosenbrock", "breast-cancer-logistic", "wine-mlp"],
    "lr": "1e-4:1:5",
    "seeds": 12,
    "steps": 100,
    "instruments": False,
}
#: Whom a rule is compared with that comes from none.
OTHERWISE = ("momentum", "gd")


@dataclass(frozen=True)
class Measured:
    """``rows``: the pairs of the rule and the other on each problem; ``reason``: why nothing was measured."""

    other: str = ""
    sentences: tuple[str, ...] = ()
    rows: tuple[Facts, ...] = ()
    note: str = ""
    reason: str = ""


def measure(rule: Optimizer, registry: Registry, folder: Path, workers: int | None = None) -> Measured:
    """The comparison of a rule with its parent; runs that the folder has are not repeated."""
    other = _other(rule, registry)
    try:
        experiment = resolve({**SETTINGS, "name": rule.name, "optimizers": [rule.name, other]}, registry)
        executor = "inline" if workers == 1 else None
        execute(experiment, registry, folder, workers=workers, timeout=60, executor=executor)
        return _read(load(folder), rule.name, other)
    except InputError as error:
        return Measured(other, reason=str(error))
    except Exception as error:  # a plugin's rule may raise anything
        return Measured(other, reason=reason(error))


def _other(rule: Optimizer, registry: Registry) -> str:
    if rule.parent in registry["optimizer"]:
        return str(rule.parent)
    return next(name for name in OTHERWISE if name != rule.name)


def _read(results: Results, name: str, other: str) -> Measured:
    if {*results.compare().methods} != {name, other}:
        return Measured(other, reason="no run of one of them finished")
    pairs = results.pairwise(name, other)
    pairs = pairs[pairs["problem"].isin(results.compare().problems)]
    experiment, seeds = results.experiment, results.compare().rows["seed"].nunique()
    note = (
        f"{experiment.get('steps')} steps; in each of {seeds} replicates both tried {len(experiment['lr'])} learning "
        "rates on a seed of their own, and ran the best on a fresh one."
    )
    return Measured(
        other, tuple(results.verdict()["sentence"].head(1)), tuple(_row(row) for row in _records(pairs)), note
    )


def _records(pairs: pd.DataFrame) -> list[Facts]:
    return [{str(key): value for key, value in row.items()} for row in pairs.to_dict("records")]


def _row(row: Facts) -> Facts:
    words = f"{row['better']} is significantly better" if row["better"] else "not statistically distinguishable"
    return {**row, "words": words}
