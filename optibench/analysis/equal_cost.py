"""What every recorded point of a run has cost, and the comparison that one makes at equal cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.stored import Stored

#: Shares of the budget at which methods are also compared.
HORIZONS = (0.1, 0.5, 1.0)
#: What a run may be charged by. "evaluations": gradients, losses and Hessian products of single examples.
UNITS = ("steps", "gradient_evaluations", "samples", "seconds")
COST = "evaluations"


def along(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a recorded point of every compared run: its method, its costs in every unit, ``value`` and ``loss``.

    ``value`` is the test loss, or the loss where nothing is held out, of at most 256 examples; where a minimum is known
    ``loss`` is of all training examples.
    """
    key = ("along",)
    if key not in comparison.made:
        comparison.made[key] = _along(stored, comparison)
    return comparison.made[key]


def _along(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    runs = comparison.rows[["id", "problem", "optimizer", "seed", "status", "batch", "steps", "seconds"]]
    runs = runs.rename(columns={"steps": "all_steps", "seconds": "all_seconds"})
    points = stored.curves.drop(columns=["problem", "optimizer", "seed"])
    frame = points[points["id"].isin(runs["id"])].merge(runs, on="id")
    examples = frame["batch"].astype(float).fillna(1).clip(lower=1)
    counts = frame[["gradient_evaluations", "value_evaluations", "hessian_products"]]
    counted = counts.astype(float).sum(axis=1)
    held_out = frame["test_loss"] if "test_loss" in frame else pd.Series(np.nan, index=frame.index)
    return frame.assign(
        **{COST: counted * examples},
        steps=frame["step"],
        seconds=frame["step"] * frame["all_seconds"] / frame["all_steps"].clip(lower=1),
        value=held_out.fillna(frame["loss"]),
    ).sort_values(["id", "step"], ignore_index=True)


def at_cost(stored: Stored, comparison: Comparison, unit: str = COST, share: float = 1.0) -> Comparison:
    """The comparison at equal cost: every run's last recorded value within it.

    The cost is this share of what the method that spent least has spent on the problem; a run that had diverged by
    then is infinitely bad. A problem is left out if a method has points there, but none within the cost.
    """
    points = along(stored, comparison)
    last = points.drop_duplicates("id", keep="last").set_index("id")
    ends = last.groupby(["problem", "optimizer"])[unit].max().groupby("problem").min()
    limit = points["problem"].map(ends).astype(float) * share
    within = points[points[unit] <= limit * (1 + 1e-9)].drop_duplicates("id", keep="last").set_index("id")
    methods, early = (frame.groupby("problem")["optimizer"].nunique() for frame in (last, within))
    rows = comparison.rows[comparison.rows["problem"].isin(methods.index[methods == early.reindex(methods.index)])]
    value = within["value"].reindex(rows["id"])
    gone = last["status"].ne("finished") & (last[unit] <= last["problem"].map(ends).astype(float) * share)
    value = value.where(~gone.reindex(rows["id"], fill_value=True), np.inf).fillna(np.inf)
    return replace(comparison, rows=rows.assign(score=value.to_numpy()), caveats=[], made={})
