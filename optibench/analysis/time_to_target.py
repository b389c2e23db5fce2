"""How often and how soon: the cost at which runs reach declared targets."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.equal_cost import COST, along
from optibench.analysis.stats.hitting_times import Reached, order, reached
from optibench.stored import Stored, Target


def hits(stored: Stored, comparison: Comparison, target: float | None = None) -> pd.DataFrame:
    """One row a target and compared run: ``hit``, the cost of its first point at or under the target, inf for a miss.

    With it what the run ``spent`` and the ``budget`` on the problem. The targets are those that were declared, or the
    one given, on every problem.
    """
    key = ("hits", target)
    if key not in comparison.made:
        comparison.made[key] = _hits(stored, comparison, target)
    return comparison.made[key]


def _hits(stored: Stored, comparison: Comparison, target: float | None) -> pd.DataFrame:
    targets = [row for row in stored.protocol["targets"] if row["problem"] in comparison.problems]
    if target is not None:
        targets = [
            Target(problem=name, target=float(target), epsilon=None, provenance="given afterwards")
            for name in comparison.problems
        ]
    points = {str(name): part for name, part in along(stored, comparison).groupby("problem")}
    frames = [_hits_of(points[row["problem"]], row) for row in targets if row["problem"] in points]
    columns = [*stored.targets.columns, "optimizer", "seed", "spent", "hit", "budget"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def _hits_of(points: pd.DataFrame, target: Target) -> pd.DataFrame:
    """The rows of one target, from the points of its problem."""
    runs = points.drop_duplicates("id", keep="last").set_index("id")[["optimizer", "seed", COST]]
    first = points[points["loss"] <= target["target"]].drop_duplicates("id").set_index("id")[COST]
    hit = first.reindex(runs.index).astype(float).fillna(np.inf)
    facts = {**target, "epsilon": np.nan if target["epsilon"] is None else target["epsilon"]}
    return runs.rename(columns={COST: "spent"}).assign(hit=hit, budget=float(points[COST].max()), **facts)


def time_to_target(stored: Stored, comparison: Comparison, target: float | None = None) -> pd.DataFrame:
    """One row a problem, target and method, those that reach it first; costs are evaluations of single examples.

    ``rate`` of runs that reach it with Wilson's interval, ``ert`` the expected running time, ``par10`` the mean with a
    miss counted as ten budgets, ``median`` with misses censored (infinite if most miss). The targets were declared
    before the run, or are the one given.
    """
    declared, rows = list(stored.targets.columns), []
    for _, runs in hits(stored, comparison, target).groupby(["problem", "target"], sort=False):
        methods = [(str(name), _reached(part)) for name, part in runs.groupby("optimizer")]
        for rank, index in enumerate(order([outcome for _, outcome in methods]), start=1):
            name, outcome = methods[index]
            rows.append({**runs[declared].iloc[0], "rank": rank, "optimizer": name, **asdict(outcome)})
    columns = ["rank", "optimizer", "runs", "successes", "rate", "low", "high", "ert", "par10", "median"]
    return pd.DataFrame(rows, columns=[*declared, *columns])


def _reached(runs: pd.DataFrame) -> Reached:
    hit, spent = runs["hit"].to_numpy(float), runs["spent"].to_numpy(float)
    return reached(hit, spent, budget=float(runs["budget"].iloc[0]))
