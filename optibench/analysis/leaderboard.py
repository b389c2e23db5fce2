"""Who leads: on every problem, and over all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, Pair, compare, lower_median
from optibench.analysis.pairs import ALPHA, improvements
from optibench.analysis.stats.effects import wilcoxon
from optibench.analysis.stats.intervals import bootstrap, interquartile_mean
from optibench.analysis.stats.rank_bootstrap import mean_ranks, share_first
from optibench.analysis.stats.ranks import cliques, critical_difference, friedman, holm
from optibench.plugin.types import Array
from optibench.stored import Stored

#: The tunings whose scores the leaderboard has side by side.
SHOWN = ("default", "lr", "all")
#: Those of them that are shown next to the headline, and their words.
OTHERS = {"default": "at default", "all": "all tuned"}


def quartiles(values: pd.Series) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile as order statistics: no average of a number with infinity."""
    low, median, high = np.quantile(values.to_numpy(), [0.25, 0.5, 0.75], method="inverted_cdf")
    return float(low), float(median), float(high)


def leaderboard(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a problem and method, by rank of the median score over fresh seeds; ties share the lower number.

    ``score`` is the final test loss, or the loss where nothing is held out, with quartiles, interquartile mean and its
    95 % bootstrap interval; ``default_score``, ``lr_score`` and ``all_score`` are the median scores by tuning; ``loss``
    is the training loss. A run that did not finish is infinitely bad.
    """
    by_tuning = {name: _medians(stored, comparison, name) for name in SHOWN}
    boundary = {
        (row["problem"], row["optimizer"])
        for row in stored.protocol["rows"]
        if row["tuning"] == comparison.tuning and 2 * row.get("on_boundary", 0) >= len(row["runs"])
    }
    diverged = _diverged(stored)
    rows = []
    for (problem, optimizer), group in comparison.rows.groupby(["problem", "optimizer"], sort=True):
        score, loss = quartiles(group["score"]), quartiles(_finite(group, "loss"))
        middle = _interval(group["score"].to_numpy(float))
        pair, ended = (str(problem), str(optimizer)), group["status"].value_counts()
        row = {
            "problem": problem,
            "optimizer": optimizer,
            "lr": group["lr"].mode().min(),
            "score": score[1],
            "score_low": score[0],
            "score_high": score[2],
            "mean": middle[1],
            "mean_low": middle[0],
            "mean_high": middle[2],
            **{f"{name}_score": medians.get(pair, np.nan) for name, medians in by_tuning.items()},
            "loss": loss[1],
            "gap": loss[1] - group["minimum"].iloc[0] if "minimum" in group else np.nan,
            "test_accuracy": float(group["test_accuracy"].median()) if "test_accuracy" in group else np.nan,
            "diverged": diverged.get(pair, ended.get("diverged", 0) / len(group)),
            "failed": int(sum(count for status, count in ended.items() if status not in ("finished", "diverged"))),
            "runs": len(group),
            "lr_on_boundary": pair in boundary,
        }
        rows.append(row)
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    board = pd.DataFrame(rows)
    board["rank"] = board.groupby("problem")["score"].rank(method="min").astype(int)
    return board.sort_values(["problem", "rank", "optimizer"], ignore_index=True)[COLUMNS]


COLUMNS = [
    "problem", "rank", "optimizer", "lr", "score", "score_low", "score_high", "mean", "mean_low", "mean_high",
    "default_score", "lr_score", "all_score", "loss", "gap", "test_accuracy", "diverged", "failed", "runs",
    "lr_on_boundary",
]  # fmt: skip


def other_scores(board: pd.DataFrame, tuning: str) -> dict[str, str]:
    """The columns of the leaderboard with scores of another tuning than this one, where there are any: their words."""
    columns = {f"{name}_score": words for name, words in OTHERS.items() if name != tuning}
    return {name: words for name, words in columns.items() if board[name].notna().any()}


def _diverged(stored: Stored) -> dict[Pair, float]:
    """The share of the tuning runs of every problem and method that diverged."""
    trials = stored.trials
    if trials.empty:
        return {}
    shares = trials.groupby(["problem", "optimizer"])["diverged"].mean()
    return {(str(problem), str(optimizer)): float(share) for (problem, optimizer), share in shares.items()}


def _finite(group: pd.DataFrame, name: str) -> pd.Series:
    return group[name].where(group["status"] == "finished", np.inf)


def _interval(values: Array) -> tuple[float, float, float]:
    """Interquartile mean with its bootstrap interval; order statistics where a run is infinite."""
    interval = bootstrap([values], lambda samples: interquartile_mean(samples[0]), replicates=2000)
    return interval.low, interval.estimate, interval.high


def _medians(stored: Stored, comparison: Comparison, tuning: str) -> dict[Pair, float]:
    """The median score of every problem and method with this tuning."""
    if tuning == comparison.tuning:
        rows = comparison.rows
    elif tuning in set(stored.reported["tuning"]):
        rows = compare(stored.reported, comparison.factor, tuning).rows
    else:
        return {}
    medians = rows.groupby(["problem", "optimizer"])["score"].agg(lambda scores: lower_median(scores.to_numpy()))
    return {(str(problem), str(optimizer)): float(value) for (problem, optimizer), value in medians.items()}


def overall(comparison: Comparison) -> pd.DataFrame:
    """One row a method, by mean rank over the problems that all of them ran on.

    ``low`` and ``high``: 95 % bootstrap interval of the mean rank, seeds drawn again within problems; ``p_first``: how
    often it has the lowest; ``first_on``: on how many problems its median is the lowest; ``groups``: letters that
    methods share which are not statistically distinguishable over problems (Wilcoxon-Holm at .05). ``attrs``:
    ``friedman``, the test, and ``critical_difference``, Nemenyi's at .05.
    """
    medians, names = comparison.medians, comparison.methods
    columns = ["optimizer", "mean_rank", "low", "high", "p_first", "first_on", "problems", "groups"]
    if not len(medians):
        return pd.DataFrame(columns=columns)
    test = friedman(medians)
    resampled = mean_ranks([*comparison.blocks.values()])
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    first_on = ((medians == medians.min(axis=1, keepdims=True)) & np.isfinite(medians)).sum(axis=0)
    table = pd.DataFrame(
        {
            "optimizer": names, "mean_rank": test.mean_ranks, "low": low, "high": high,
            "p_first": share_first(resampled), "first_on": first_on, "problems": len(medians),
            "groups": _letters(cliques(test.mean_ranks, _differ(comparison)), len(names)),
        }
    )[columns]  # fmt: skip
    table = table.sort_values(["mean_rank", "optimizer"], ignore_index=True)
    table.attrs["friedman"] = test
    table.attrs["critical_difference"] = critical_difference(test.k, test.n)
    return table


def _differ(comparison: Comparison) -> Array:
    """(k, k): which pairs differ significantly over problems."""
    k = len(comparison.methods)
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    differ = np.zeros((k, k), bool)
    if pairs:
        p = holm(np.array([wilcoxon(0.5 - improvements(comparison, i, j)) for i, j in pairs]))
        for (i, j), adjusted in zip(pairs, p, strict=True):
            differ[i, j] = differ[j, i] = adjusted < ALPHA
    return differ


def _letters(groups: list[tuple[int, ...]], count: int) -> list[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(letters[index % 26] for index, group in enumerate(groups) if i in group) for i in range(count)]
