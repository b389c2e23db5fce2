"""What tuning chose: every method's settings, the value of trials, and how far the choice can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import TUNINGS, Comparison, lower_median, once, scores
from optibench.analysis.stats.hitting_times import expected_best
from optibench.plugin.types import Array
from optibench.stored import Stored, tuning_scores

#: Tuning overfits where what it chose is worse than the default in this share of so many replicates.
MOST, FEWEST = 0.8, 8
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
    columns = stored.runs[["id", *stored.hyperparameters]]
    runs = columns.assign(seen=tuning_scores(stored.runs)).set_index("id")
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


@once
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


def self_checks(stored: Stored, comparison: Comparison) -> list[str]:
    """What tuning did badly, as caveats."""
    return [*_undertuned(stored, comparison), *_overfitted(stored, comparison)]


def _undertuned(stored: Stored, comparison: Comparison) -> Iterator[str]:
    """A rule that is another one at some settings cannot lose to it, unless its tuning did not find them."""
    for problem, general, special in stored.protocol["contains"]:
        if problem in comparison.problems and {general, special} <= {*comparison.methods}:
            rows = [comparison.methods.index(name) for name in (special, general)]
            if comparison.tests(problem).wins[*rows]:
                yield (
                    f"{general} on {problem} is significantly worse than its own special case {special}: it is "
                    "under-tuned here and needs more trials"
                )


def _overfitted(stored: Stored, comparison: Comparison) -> Iterator[str]:
    """Tuned settings that are worse than the defaults in nearly all replicates were chosen by too few examples."""
    if comparison.tuning not in ("lr", "all") or "default" not in set(stored.reported["tuning"]):
        return
    scored = stored.reported.assign(score=scores(stored.reported))
    table = scored.pivot_table(
        index=["problem", "optimizer", "seed"], columns="tuning", values="score", aggfunc="first", dropna=False
    )
    worse = table[comparison.tuning].gt(table["default"])
    for (problem, method), in_replicates in worse.groupby(["problem", "optimizer"]):
        count, n = int(in_replicates.sum()), len(in_replicates)
        shown_here = problem in comparison.problems and method in comparison.methods
        if shown_here and n >= FEWEST and count >= MOST * n:
            yield (
                f"{method} on {problem} is worse with its {TUNINGS[comparison.tuning]} than at its default in {count} "
                f"of {n} replicates: its validation split is too small to tune on"
            )
