"""How far and how soon: the cost at which runs reach declared targets, profiles over them, and scores at equal cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, compare, lower_median
from optibench.analysis.stats.hitting_times import Reached, order, reached
from optibench.analysis.stats.profiles import algoperf, area_over_curve, data_profile, ecdf, performance_profile
from optibench.errors import UnknownName
from optibench.plugin.types import Array

#: Shares of the budget at which contenders are also compared.
HORIZONS = (0.1, 0.5, 1.0)
#: What a run may be charged by. "evaluations": gradients, losses and Hessian products of single examples.
UNITS = ("steps", "gradient_evaluations", "samples", "seconds")
COST = "evaluations"
KINDS = ("performance", "data", "ecdf", "area", "algoperf")


def along(results: Any, comparison: Comparison) -> pd.DataFrame:
    """One row a recorded point of every compared run: its contender, its costs in every unit, ``value`` and ``loss``.

    ``value`` is the test loss, or the loss where nothing is held out, of at most 256 examples; where a minimum is known
    ``loss`` is of all training examples.
    """
    if "along" in comparison.made:
        return comparison.made["along"]
    runs = comparison.rows[["id", "problem", "optimizer", "seed", "status", "batch", "steps", "seconds"]]
    runs = runs.rename(columns={"steps": "all_steps", "seconds": "all_seconds"})
    points = results.curves.drop(columns=["problem", "optimizer", "seed"])
    frame = points[points["id"].isin(runs["id"])].merge(runs, on="id")
    examples = frame["batch"].astype(float).clip(lower=1)
    counts = frame[["gradient_evaluations", "value_evaluations", "hessian_products"]]
    counted = counts.astype(float).sum(axis=1)
    held_out = frame["test_loss"] if "test_loss" in frame else pd.Series(np.nan, index=frame.index)
    comparison.made["along"] = frame.assign(
        **{COST: counted * examples},
        steps=frame["step"],
        seconds=frame["step"] * frame["all_seconds"] / frame["all_steps"].clip(lower=1),
        value=held_out.fillna(frame["loss"]),
    ).sort_values(["id", "step"], ignore_index=True)
    return comparison.made["along"]


def hits(results: Any, comparison: Comparison, target: float | None = None) -> pd.DataFrame:
    """One row a target and compared run: ``hit``, the cost of its first point at or under the target, inf for a miss.

    With it what the run ``spent`` and the ``budget`` on the problem. The targets are those that were declared, or the
    one given, on every problem.
    """
    key = f"hits {target}"
    if key not in comparison.made:
        declared = results.targets[results.targets["problem"].isin(comparison.problems)]
        if target is not None:
            told = [(name, float(target), np.nan, "given afterwards") for name in comparison.problems]
            declared = pd.DataFrame(told, columns=declared.columns)
        parts = dict(iter(along(results, comparison).groupby("problem")))
        every = [_hits(parts[one["problem"]], one) for one in declared.to_dict("records") if one["problem"] in parts]
        columns = [*declared.columns, "optimizer", "seed", "spent", "hit", "budget"]
        comparison.made[key] = pd.concat(every, ignore_index=True) if every else pd.DataFrame(columns=columns)
    return comparison.made[key]


def _hits(points: pd.DataFrame, target: dict[str, Any]) -> pd.DataFrame:
    """The rows of one target, from the points of its problem."""
    runs = points.drop_duplicates("id", keep="last").set_index("id")[["optimizer", "seed", COST]]
    first = points[points["loss"] <= target["target"]].drop_duplicates("id").set_index("id")[COST]
    hit = first.reindex(runs.index).astype(float).fillna(np.inf)
    return runs.rename(columns={COST: "spent"}).assign(hit=hit, budget=float(points[COST].max()), **target)


def time_to_target(results: Any, comparison: Comparison, target: float | None = None) -> pd.DataFrame:
    """One row a problem, target and contender, those that reach it first; costs are evaluations of single examples.

    ``rate`` of runs that reach it with Wilson's interval, ``ert`` the expected running time, ``par10`` the mean with a
    miss counted as ten budgets, ``median`` with misses censored (infinite if most miss). The targets were declared
    before the run, or are the one given.
    """
    declared, rows = list(results.targets.columns), []
    for _, runs in hits(results, comparison, target).groupby(["problem", "target"], sort=False):
        found = [(str(name), _reached(part)) for name, part in runs.groupby("optimizer")]
        for rank, place in enumerate(order([one for _, one in found]), start=1):
            name, one = found[place]
            rows.append({**runs[declared].iloc[0], "rank": rank, "optimizer": name, **vars(one)})
    columns = ["rank", "optimizer", "runs", "successes", "rate", "low", "high", "ert", "par10", "median"]
    return pd.DataFrame(rows, columns=[*declared, *columns])


def _reached(runs: pd.DataFrame) -> Reached:
    hit, spent = runs["hit"].to_numpy(float), runs["spent"].to_numpy(float)
    return reached(hit, spent, budget=float(runs["budget"].iloc[0]))


def profile(results: Any, comparison: Comparison, kind: str = "performance") -> pd.DataFrame:
    """A profile as rows of optimizer, x and share; every problem with every target of it is one thing to solve.

    performance: Dolan and Moré 2002, x how many times the best's cost. data: Moré and Wild 2009, x evaluations by
    (parameters + 1). ecdf: the share of (problem, target, run) hit within x evaluations. area: mean area over the
    convergence curve. algoperf: AlgoPerf's score, by trapezoid and exact. All depend on the field of contenders.
    """
    if kind not in KINDS:
        raise UnknownName("profile", kind, KINDS)
    names = comparison.optimizers
    if kind == "area":
        return _area(results, comparison)
    costs, sizes, reached_at = _costs(results, comparison)
    if not len(costs):
        return pd.DataFrame(columns=["optimizer", "x", "share"])
    if kind == "algoperf":
        rows = [
            (name, how, float(share))
            for how, exact in (("trapezoid", False), ("exact", True))
            for name, share in zip(names, algoperf(costs, exact=exact), strict=True)
        ]
        return pd.DataFrame(rows, columns=["optimizer", "x", "share"])
    largest = costs[np.isfinite(costs)].max(initial=1.0)
    if kind == "performance":
        x = np.geomspace(1, 100, 101)
        shares = performance_profile(costs, x)
    elif kind == "data":
        x = np.geomspace(1e-1, max(float((largest / (sizes + 1)).max()), 1.0), 101)
        shares = data_profile(costs, sizes, x)
    else:
        x = np.geomspace(1, max(reached_at[np.isfinite(reached_at)].max(initial=1.0), 2.0), 101)
        shares = ecdf(reached_at, x)
    frames = [pd.DataFrame({"optimizer": name, "x": x, "share": shares[place]}) for place, name in enumerate(names)]
    return pd.concat(frames, ignore_index=True)


def _costs(results: Any, comparison: Comparison) -> tuple[Array, Array, Array]:
    """(targets, k) censored median costs, (targets,) numbers of parameters, (targets x seeds, k) costs of every run."""
    sizes = comparison.rows.groupby("problem")["parameters"].first() if "parameters" in comparison.rows else {}
    k = len(comparison.optimizers)
    costs, parameters, every = [], [], [np.empty((0, k))]
    for (problem, _), runs in hits(results, comparison).groupby(["problem", "target"], sort=False):
        if problem in comparison.complete:
            table = runs.pivot(index="seed", columns="optimizer", values="hit").dropna().to_numpy(float)  # (seeds, k)
            costs.append(lower_median(table))
            parameters.append(float(sizes[problem]))
            every.append(table)
    return np.array(costs, float).reshape(len(costs), k), np.array(parameters), np.concatenate(every)


def _area(results: Any, comparison: Comparison) -> pd.DataFrame:
    """The mean over problems and runs of the area over the convergence curve of the loss, or of its gap."""
    points = along(results, comparison)
    minimum = comparison.rows.drop_duplicates("id").set_index("id")["minimum"].fillna(0).astype(float)
    points = points.assign(gap=points["loss"] - points["id"].map(minimum).astype(float))
    rows = []
    for _, on in points.groupby("problem"):
        usable = on.loc[np.isfinite(on["gap"]), "gap"]
        high, low = float(on.loc[on["step"] == 0, "gap"].median()), float(usable.min())
        budget = float(on[COST].max())
        for (name, _), run in on.groupby(["optimizer", "id"]):
            area = area_over_curve(run[COST].to_numpy(float), run["gap"].to_numpy(float), low, high, budget)
            rows.append((name, area))
    frame = pd.DataFrame(rows, columns=["optimizer", "share"]).groupby("optimizer", as_index=False)["share"].mean()
    frame.insert(1, "x", "mean")
    return frame


def at_cost(results: Any, comparison: Comparison, unit: str = COST, share: float = 1.0) -> Comparison:
    """The comparison that one makes at equal cost: every run's last recorded value within it.

    The cost is this share of what the contender that spent least has spent on the problem; a run that had diverged by
    then is infinitely bad.
    """
    points = along(results, comparison)
    last = points.drop_duplicates("id", keep="last").set_index("id")
    ends = last.groupby(["problem", "optimizer"])[unit].max().groupby("problem").min()
    limit = points["problem"].map(ends).astype(float) * share
    within = points[points[unit] <= limit * (1 + 1e-9)].drop_duplicates("id", keep="last").set_index("id")
    value = within["value"].reindex(comparison.rows["id"])
    gone = last["status"].ne("finished") & (last[unit] <= last["problem"].map(ends).astype(float) * share)
    value = value.where(~gone.reindex(comparison.rows["id"], fill_value=True), np.inf).fillna(np.inf)
    return replace(comparison, rows=comparison.rows.assign(score=value.to_numpy()), caveats=[], made={})


def with_tuning(results: Any, comparison: Comparison, tuning: str) -> Comparison:
    """The same problems and contenders, tuned in another way."""
    other = compare(results.reported, comparison.factor, tuning)
    rows = other.rows
    rows = rows[rows["problem"].isin(comparison.problems) & rows["optimizer"].isin(comparison.optimizers)]
    return Comparison(rows, comparison.factor, tuning)
