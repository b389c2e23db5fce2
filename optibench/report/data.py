"""What the page computes and draws from: methods, their scores in every replicate, hits of targets. No HTML.

Methods and problems are referred to by index. Numbers that are ranked, compared or tested are whole; of numbers that
are only drawn four digits are kept. ``None`` is a run that is not there, infinity one that did not finish.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from optibench.analysis.comparison import Comparison
from optibench.analysis.stats.ranks import critical_difference
from optibench.analysis.time_to_target import hits
from optibench.plugin.types import Array, Facts
from optibench.stored import Stored

#: Digits of numbers that are only drawn.
DRAWN = 4


def page_data(results: Stored, comparison: Comparison, tables: dict[str, pd.DataFrame]) -> Facts:
    """``tables``: the frame of every analysis by its name."""
    names, problems = comparison.methods, comparison.problems
    seeds = sorted(comparison.rows["seed"].unique())
    known = comparison.rows.groupby("problem")["minimum"].first().notna() if "minimum" in comparison.rows else {}
    return {
        "factor": comparison.factor,
        "methods": _methods(comparison, tables, names),
        "problems": [{"name": name, "known": bool(known[name]) if name in known else False} for name in problems],
        "scores": [
            [[_whole(value) for value in row] for row in _scores(comparison, name, seeds, names)] for name in problems
        ],
        "lr": _rates(comparison.rows, problems, names),
        "defaults": _rates(results.reported[results.reported["tuning"] == "default"], problems, names),
        "targets": _targets(results, comparison, names),
        "sizes": [_size(comparison, name) for name in problems],
        "t": {str(n): float(stats.t.ppf(0.975, n - 1)) for n in range(2, len(seeds) + 1)},
        "critical": {str(k): critical_difference(k, 1) for k in range(2, len(names) + 1)},
        "stability": [
            {**row, "share": _drawn(row["share"]), "leaders": [names.index(name) for name in row["leaders"]]}
            for row in tables["stability"].to_dict("records")
        ],
    }


def _methods(comparison: Comparison, tables: dict[str, pd.DataFrame], names: list[str]) -> list[Facts]:
    """One a method: what the leaderboard shows of it beside what is computed of its scores."""
    first = tables["ranks"].set_index("optimizer")["p_first"]
    targets = tables["time_to_target"]
    reached = np.isfinite(targets["median"].astype(float)).groupby(targets["optimizer"]).mean()
    sensitivity = tables["sensitivity"].drop_duplicates(["problem", "optimizer"])
    decades = sensitivity["decades"].astype(float).groupby(sensitivity["optimizer"]).median()
    diverged = tables["leaderboard"].groupby("optimizer")["diverged"].mean()
    columns = {"first": first, "reached": reached, "decades": decades, "diverged": diverged}
    columns["microseconds"] = _microseconds(comparison)
    return [{"name": name, **{key: _drawn(column.get(name)) for key, column in columns.items()}} for name in names]


def _microseconds(comparison: Comparison) -> pd.Series:
    """The median over runs of the time of a step."""
    rows = comparison.rows
    if "seconds" not in rows or "steps" not in rows:
        return pd.Series(dtype=float)
    step = (rows["seconds"] / rows["steps"].where(rows["steps"] > 0)).astype(float)
    return 1e6 * step.groupby(rows["optimizer"]).median()


def _scores(comparison: Comparison, problem: str, seeds: list[int], names: list[str]) -> Array:
    """(replicates, methods), NaN without a run."""
    return comparison.table(problem).reindex(index=seeds, columns=names).to_numpy(float)


def _rates(rows: pd.DataFrame, problems: list[str], names: list[str]) -> list[list[float | None]]:
    """The learning rate of most replicates, by problem and method."""
    rates = rows.groupby(["problem", "optimizer"])["lr"].agg(lambda lr: lr.mode().min()).to_dict()
    return [[_drawn(rates.get((problem, name))) for name in names] for problem in problems]


def _targets(results: Stored, comparison: Comparison, names: list[str]) -> list[Facts]:
    """One a problem and target: what every run had spent when it first reached it, replicates by methods."""
    rows = []
    for (problem, target), runs in hits(results, comparison).groupby(["problem", "target"], sort=False):
        table = runs.pivot(index="seed", columns="optimizer", values="hit").reindex(columns=names)
        costs = [[_whole(value) for value in row] for row in table.to_numpy(float)]
        rows.append({"p": comparison.problems.index(str(problem)), "target": _drawn(target), "hits": costs})
    return rows


def _size(comparison: Comparison, problem: str) -> int | None:
    """The number of parameters."""
    if "parameters" not in comparison.rows:
        return None
    of_problem = comparison.rows.loc[comparison.rows["problem"] == problem, "parameters"].dropna()
    return int(of_problem.iloc[0]) if len(of_problem) else None


def _whole(value: float) -> float | int | None:
    """All digits; whole numbers without a point."""
    if value != value:
        return None
    return int(value) if isfinite(value) and value == int(value) and abs(value) < 2**53 else float(value)


def _drawn(value: Any) -> float | int | None:
    """Four digits."""
    if value is None or value != value:
        return None
    number = float(value)
    return _whole(float(f"{number:.{DRAWN}g}")) if isfinite(number) else number


def to_json(data: object) -> str:
    """JSON that cannot close the element which holds it: ``<`` is escaped, infinity is 1e999, which is parsed as it."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return TOKENS.sub(lambda match: NUMBERS.get(match[0], match[0]), text).replace("<", "\\u003c")


#: Strings, which are left alone, and what json writes of numbers that JSON does not have.
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')
NUMBERS = {"Infinity": "1e999", "-Infinity": "-1e999", "NaN": "null"}
