"""What tuning chose: every method's settings, the value of trials, and how far the choice can be trusted."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.pairs import ALPHA
from optibench.analysis.stats.effects import paired
from optibench.analysis.stats.hitting_times import expected_best
from optibench.plugin.types import Array
from optibench.stored import Stored, tuning_scores

COLUMNS = [
    "problem", "optimizer", "tuning", "trials", "settings", "tuning_score", "fresh_score", "optimism", "on_boundary",
]  # fmt: skip


def grid(stored: Stored) -> pd.DataFrame:
    """Every run along the rates, with problem and method: those of tuning, or the reported if nothing was tuned."""
    runs = stored.tuning_runs
    runs = runs.loc[runs["search"] == "lr", ["problem", "optimizer", "id"]]
    if runs.empty:
        return stored.reported.assign(optimizer=stored.reported["label"])
    return runs.merge(stored.runs.drop(columns=["problem", "optimizer"]), on="id")


def tuning(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a problem, method and tuning: what its default, its tuned rate and everything tuned reach on fresh seeds.

    ``settings``: what the replicates chose, such as lr "0.01 in 17 of 20". ``optimism`` is the median over replicates
    of the score on the fresh seed minus that of the chosen trial on the replicate's tuning seeds: both of what tuning
    sees, the validation loss where there is one.
    """
    runs = stored.runs.assign(seen=tuning_scores(stored.runs)).set_index("id")
    rows = []
    for row in stored.protocol["rows"]:
        if row["problem"] not in comparison.problems or row["optimizer"] not in comparison.methods:
            continue
        chosen = runs.reindex(row["runs"])
        fresh = chosen["seen"].fillna(inf).to_numpy(float)
        scores = np.array(row.get("scores", [nan] * len(fresh)), float)
        with np.errstate(invalid="ignore"):
            gaps = np.where(np.isinf(fresh) & np.isinf(scores), 0.0, fresh - scores)
        settings = {name: distribution(chosen[name]) for name in stored.hyperparameters if chosen[name].notna().any()}
        rows.append(
            (
                row["problem"], row["optimizer"], row["tuning"], row["trials"], settings, _median(scores),
                _median(fresh), _median(gaps), row.get("on_boundary", 0),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def distribution(values: pd.Series) -> str:
    """What the replicates chose: the most frequent value and its count, or the median and the range of many values."""
    counts = values.value_counts(sort=False).sort_index()
    most, n = counts.index[int(np.argmax(counts))], int(counts.sum())
    if len(counts) == 1:
        return shown(most)
    if 2 * counts.max() >= n or not pd.api.types.is_numeric_dtype(values):
        return f"{shown(most)} in {counts.max()} of {n}"
    return f"{shown(lower_median(values.dropna().to_numpy()))} ({shown(values.min())} to {shown(values.max())})"


def shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _median(values: Array) -> float:
    return nan if np.isnan(values).any() else float(lower_median(values))


def expected(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """Expected best score of k trials of a replicate, k = 1 to all, of every search; the median over replicates."""
    rows = []
    trials = of_comparison(stored.trials, comparison)
    for (problem, optimizer, search), group in trials.groupby(["problem", "optimizer", "search"]):
        scores = [part.to_numpy(float) for _, part in group.groupby("replicate")["score"]]
        count = min(map(len, scores))  # a grid that was widened has more
        curves = np.array([expected_best(part)[:count] for part in scores])
        for k, value in enumerate(lower_median(curves), start=1):
            rows.append((problem, optimizer, search, k, float(value)))
    return pd.DataFrame(rows, columns=["problem", "optimizer", "search", "trials", "expected"])


def of_comparison(trials: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """The trials of the problems and methods that are compared."""
    return trials[trials["problem"].isin(comparison.problems) & trials["optimizer"].isin(comparison.methods)]


def undertuned(stored: Stored, comparison: Comparison) -> list[str]:
    """A rule that is another one at some settings cannot lose to it, unless its tuning did not find them."""
    caveats = []
    for problem, general, special in stored.protocol["contains"]:
        a, b = comparison.pair(problem, general, special)
        if len(a) > 1 and (a != b).any():
            difference = paired(a, b)
            if difference.better == "b" and difference.p < ALPHA:
                caveats.append(
                    f"{general} on {problem} loses to its own special case {special}, by {difference.median:.2g} "
                    "in the median: it is under-tuned here and needs more trials"
                )
    return caveats
