"""How much the learning rate matters: scores over the grid, and how wide the range of good rates is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median, once
from optibench.analysis.tuning import of_comparison
from optibench.plugin.types import Array
from optibench.stored import Stored

#: A rate is good if its score, or gap where a minimum is known, is within this factor of the best rate's.
FACTOR = 2.0
COLUMNS = ["problem", "optimizer", "lr", "score", "good", "diverged", "decades", "best_lr"]


@once
def sensitivity(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a problem, method and rate of the grid: median score over the replicates, the share that diverged.

    ``good``: within a factor 2 of the best rate. ``decades``: the width of the range of good rates around the best one,
    log10 of its highest by its lowest rate: 0 if only the best is good.
    """
    trials = stored.trials
    if trials.empty or "lr" not in trials:
        return pd.DataFrame(columns=COLUMNS)
    trials = of_comparison(trials, comparison)
    trials = trials[(trials["search"] == "lr") & trials["lr"].notna()]
    groups = trials.groupby(["problem", "optimizer", "lr"])
    trials = groups["score"].agg(lambda scores: lower_median(scores.to_numpy())).to_frame()
    trials = trials.assign(diverged=groups["diverged"].mean()).reset_index()
    minimum = minima(comparison)
    frames = []
    for (problem, _), group in trials.groupby(["problem", "optimizer"]):
        group = group.sort_values("lr")
        gap = group["score"].to_numpy(float) - minimum.get(str(problem), 0.0)
        good = around_best(gap)
        lr = group["lr"].to_numpy(float)
        width = float(np.log10(lr[good].max() / lr[good].min())) if good.any() else np.nan
        frames.append(group.assign(good=good, decades=width, best_lr=lr[int(np.argmin(gap))])[COLUMNS])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def minima(comparison: Comparison) -> dict[str, float]:
    """Where the score is the loss itself: without held-out data."""
    rows = comparison.rows.drop_duplicates("problem")
    if "validation_loss" in rows:
        rows = rows[rows["validation_loss"].isna()]
    known = rows[rows["minimum"].notna()]
    return {str(name): float(value) for name, value in zip(known["problem"], known["minimum"], strict=True)}


def around_best(gaps: Array) -> Array:
    """(rates,): the unbroken range around the best rate in which gaps are within FACTOR of its; none if it is inf."""
    best = int(np.argmin(gaps))
    if not np.isfinite(gaps[best]):
        return np.zeros(len(gaps), bool)
    within = gaps - gaps[best] <= (FACTOR - 1) * abs(gaps[best])
    bad = np.flatnonzero(~within).tolist()
    low = max((index for index in bad if index < best), default=-1)
    high = min((index for index in bad if index > best), default=len(gaps))
    indices = np.arange(len(gaps))
    return (indices > low) & (indices < high)
