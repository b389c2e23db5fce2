"""What tuning chose: every method's settings, the value of trials, and how far the choice can be trusted."""

from __future__ import annotations

from math import inf, nan

import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.pairs import ALPHA
from optibench.analysis.stats.effects import paired
from optibench.analysis.stats.hitting_times import expected_best
from optibench.stored import Stored, tuning_scores

COLUMNS = [
    "problem", "optimizer", "tuning", "trials", "settings", "tuning_score", "fresh_score", "optimism", "on_boundary",
]  # fmt: skip


def grid(stored: Stored) -> pd.DataFrame:
    """Every run along the rates, with problem and method: those of tuning, or the reported if nothing was tuned."""
    rows = [
        (trial["problem"], trial["optimizer"], run)
        for trial in stored.protocol["trials"]
        if trial["search"] == "lr"
        for run in trial["runs"]
    ]
    if not rows:
        return stored.reported.assign(optimizer=stored.reported["label"])
    runs = stored.runs.drop(columns=["problem", "optimizer"])
    return pd.DataFrame(rows, columns=["problem", "optimizer", "id"]).merge(runs, on="id")


def tuning(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a problem, method and tuning: what its default, its tuned rate and everything tuned reach on fresh seeds.

    ``optimism`` is the median score of the chosen trial on fresh seeds minus that on the seeds that chose it: both of
    what tuning sees, the validation loss where there is one. ``on_boundary``: the best rate is the last of a widened
    grid.
    """
    scored = stored.reported.assign(seen=tuning_scores(stored.reported))
    groups = scored.groupby(["problem", "optimizer", "tuning"])["seen"]
    medians = groups.agg(lambda values: lower_median(values.to_numpy()))
    rows = []
    for row in stored.protocol["rows"]:
        if row["problem"] not in comparison.problems or row["optimizer"] not in comparison.methods:
            continue
        fresh = float(medians.get((row["problem"], row["optimizer"], row["tuning"]), nan))
        score = row.get("score", nan)
        optimism = 0.0 if abs(fresh) == abs(score) == inf else fresh - score
        rows.append(
            (
                row["problem"], row["optimizer"], row["tuning"], row["trials"], row["settings"], score, fresh, optimism,
                row.get("edge", False),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def expected(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """Expected best score of k trials, k = 1 to all, of every search: problem, optimizer, search, trials, expected."""
    rows = []
    trials = of_comparison(stored.trials, comparison)
    for (problem, optimizer, search), group in trials.groupby(["problem", "optimizer", "search"]):
        for k, value in enumerate(expected_best(group["score"].to_numpy(float)), start=1):
            rows.append((problem, optimizer, search, k, value))
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
