"""Who leads: on every problem, and over all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optibench.analysis.comparison import Comparison, Pair, compare, lower_median, once
from optibench.analysis.places import Place, places
from optibench.analysis.stats.claims import letters
from optibench.analysis.stats.intervals import interquartile_interval, interquartile_mean, rank_interval
from optibench.analysis.stats.rank_bootstrap import resampled, share_first
from optibench.analysis.stats.ranks import critical_difference, friedman, kendalls_w
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


@once
def leaderboard(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """One row a problem and method, by rank: of the median score over replicates, after the share that solve the
    problem where outcomes are of two kinds; equal ones share the lower number.

    ``score`` is the final test loss, or the loss where nothing is held out, with the exact interval of its median,
    quartiles and interquartile mean; ``groups`` are letters that methods share which do not differ significantly on the
    problem; ``default_score``, ``lr_score`` and ``all_score`` are the median scores by tuning; ``loss`` is the training
    loss. A run that did not finish is infinitely bad.
    """
    by_tuning = {name: _medians(stored, comparison, name) for name in SHOWN}
    boundary = {
        (row["problem"], row["optimizer"])
        for row in stored.protocol["rows"]
        if row["tuning"] == comparison.tuning and 2 * row.get("on_boundary", 0) >= len(row["runs"])
    }
    diverged = _diverged(stored)
    standing = {name: _standing(comparison, name) for name in comparison.problems}
    rows = []
    for (problem, optimizer), group in comparison.rows.groupby(["problem", "optimizer"], sort=True):
        score, loss = quartiles(group["score"]), quartiles(_finite(group, "loss"))
        values, (place, group_letters) = group["score"].to_numpy(float), standing[str(problem)][str(optimizer)]
        middle = interquartile_interval(values)
        pair, ended = (str(problem), str(optimizer)), group["status"].value_counts()
        row = {
            "problem": problem,
            "rank": place.rank,
            "optimizer": optimizer,
            "groups": group_letters,
            "lr": group["lr"].mode().min(),
            "score": place.score,
            "low": place.low,
            "high": place.high,
            "lower_quartile": score[0],
            "upper_quartile": score[2],
            "mean": float(interquartile_mean(values)),
            "mean_low": middle[0],
            "mean_high": middle[1],
            "solved": place.solved,
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
    return board.sort_values(["problem", "rank", "optimizer"], ignore_index=True)[COLUMNS]


COLUMNS = [
    "problem", "rank", "optimizer", "groups", "lr", "score", "low", "high", "lower_quartile", "upper_quartile", "mean",
    "mean_low", "mean_high", "solved", "default_score", "lr_score", "all_score", "loss", "gap", "test_accuracy",
    "diverged", "failed", "runs", "lr_on_boundary",
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


def _standing(comparison: Comparison, problem: str) -> dict[str, tuple[Place, str]]:
    """The place of every method on a problem, and its significance groups there."""
    methods = places(comparison, problem).methods
    order = np.array([methods[name].rank if name in methods else np.inf for name in comparison.methods])
    groups = dict(zip(comparison.methods, letters(comparison.tests(problem).wins, order), strict=True))
    return {name: (place, groups[name]) for name, place in methods.items()}


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

    In every replicate methods are ranked on each problem; the mean over problems is one number for each replicate and
    method. ``mean_rank`` is its mean over replicates, ``low`` and ``high`` a 95 % interval from them; ``p_first``: how
    often the mean rank is the lowest when replicates are resampled; ``first_on``: on how many problems it is first,
    alone or with equals; ``groups``: letters that methods share which do not differ significantly over these problems.
    ``attrs``: ``friedman``, ``kendalls_w`` and Nemenyi's ``critical_difference`` at .05, of the median scores on the
    problems, which are the sample of what is said beyond them.
    """
    ranks, names = comparison.ranks, comparison.methods
    if not len(ranks):
        return pd.DataFrame(columns=RANKS)
    problems, k = len(comparison.complete), len(names)
    means = ranks.mean(axis=0)
    low, high = rank_interval(ranks, 1 / problems) if k > 1 else (means, means)
    firsts = [places(comparison, problem).first for problem in comparison.complete]
    table = pd.DataFrame(
        {
            "rank": level(means), "optimizer": names, "mean_rank": means, "low": low.clip(1), "high": high.clip(max=k),
            "p_first": share_first(resampled(ranks)), "problems": problems, "replicates": len(ranks),
            "first_on": [sum(name in first for first in firsts) for name in names],
            "groups": letters(wins(comparison), means),
        }
    )[RANKS]  # fmt: skip
    table = table.sort_values(["rank", "optimizer"], ignore_index=True)
    test = friedman(comparison.medians)
    table.attrs["friedman"] = test
    table.attrs["kendalls_w"] = kendalls_w(comparison.medians)
    table.attrs["critical_difference"] = critical_difference(test.k, test.n)
    return table


RANKS = ["rank", "optimizer", "mean_rank", "low", "high", "p_first", "first_on", "problems", "replicates", "groups"]


def level(means: Array) -> Array:
    """The places of mean ranks, equal ones sharing the lower number; sums of them differ by rounding only."""
    places: Array = rankdata(np.round(means, 9), method="min").astype(int)
    return places


def wins(comparison: Comparison) -> Array:
    """(k, k): which methods are significantly better than which, over the complete problems, or on the only one."""
    over = comparison.claims.over
    if over is not None:
        return over.wins
    return comparison.tests(comparison.complete[0]).wins
