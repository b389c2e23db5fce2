"""Profiles over problems and targets: which share of the tasks a method solves, and at what cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.equal_cost import COST, along
from optibench.analysis.stats.profiles import algoperf, area_over_curve, data_profile, ecdf, performance_profile
from optibench.analysis.time_to_target import hits
from optibench.errors import UnknownName
from optibench.plugin.types import Array
from optibench.stored import Stored

KINDS = ("performance", "data", "ecdf", "area", "algoperf")


def profile(stored: Stored, comparison: Comparison, kind: str = "performance") -> pd.DataFrame:
    """A profile as rows of optimizer, x and share; every problem with every target of it is one task.

    performance: Dolan and Moré 2002, x how many times the best's cost. data: Moré and Wild 2009, x evaluations by
    (parameters + 1). ecdf: the share of (problem, target, run) hit within x evaluations. area: mean area over the
    convergence curve. algoperf: AlgoPerf's score, by trapezoid and exact. All depend on the set of methods.
    """
    if kind not in KINDS:
        raise UnknownName("profile", kind, KINDS)
    names = comparison.methods
    if kind == "area":
        return _area(stored, comparison)
    costs, sizes, reached_at = _costs(stored, comparison)
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
    frames = [pd.DataFrame({"optimizer": name, "x": x, "share": shares[index]}) for index, name in enumerate(names)]
    return pd.concat(frames, ignore_index=True)


def _costs(stored: Stored, comparison: Comparison) -> tuple[Array, Array, Array]:
    """(targets, k) censored median costs, (targets,) numbers of parameters, (targets x seeds, k) costs of every run."""
    sizes = comparison.rows.groupby("problem")["parameters"].first() if "parameters" in comparison.rows else {}
    k = len(comparison.methods)
    costs, parameters, tables = [], [], [np.empty((0, k))]
    for (problem, _), runs in hits(stored, comparison).groupby(["problem", "target"], sort=False):
        if problem in comparison.complete:
            table = runs.pivot(index="seed", columns="optimizer", values="hit").dropna().to_numpy(float)  # (seeds, k)
            costs.append(lower_median(table))
            parameters.append(float(sizes[problem]))
            tables.append(table)
    return np.array(costs, float).reshape(len(costs), k), np.array(parameters), np.concatenate(tables)


def _area(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """The mean over problems and runs of the area over the convergence curve of the loss, or of its gap."""
    points = along(stored, comparison)
    minimum = comparison.rows.drop_duplicates("id").set_index("id")["minimum"].fillna(0).astype(float)
    points = points.assign(gap=points["loss"] - points["id"].map(minimum).astype(float))
    rows = []
    for _, part in points.groupby("problem"):
        usable = part.loc[np.isfinite(part["gap"]), "gap"]
        high, low = float(part.loc[part["step"] == 0, "gap"].median()), float(usable.min())
        if not np.isfinite(high):
            continue  # the start was not recorded, in a table from elsewhere
        budget = float(part[COST].max())
        for (name, _), run in part.groupby(["optimizer", "id"]):
            area = area_over_curve(run[COST].to_numpy(float), run["gap"].to_numpy(float), low, high, budget)
            rows.append((name, area))
    frame = pd.DataFrame(rows, columns=["optimizer", "share"]).groupby("optimizer", as_index=False)["share"].mean()
    frame.insert(1, "x", "mean")
    return frame
