"""Contenders two by two: on each problem over its common seeds, and over problems."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.stats.effects import cliffs_delta, paired, probability_of_improvement, wilcoxon, win_tie_loss
from optibench.analysis.stats.ranks import bonferroni_dunn, holm, nemenyi
from optibench.errors import InputError, nearest
from optibench.plugin.types import Array

#: What stands in the column ``problem`` of rows about all problems together.
ALL = "all problems"
ALPHA = 0.05
COLUMNS = [
    "problem", "a", "b", "n", "difference", "low", "high", "improvement", "cliffs_delta", "wins", "ties", "losses", "p",
    "p_holm", "p_nemenyi", "p_dunn", "better", "more_seeds",
]  # fmt: skip


def pairwise(
    comparison: Comparison, a: str | None = None, b: str | None = None, problem: str | None = None
) -> pd.DataFrame:
    """One row a problem and pair, and one for all problems: a against b, or against each other, or all pairs.

    On a problem ``n`` counts seeds; ``difference`` is the mean of a - b with a bootstrap interval (the median where a
    run is infinite), ``p`` Wilcoxon's signed-rank test on seeds. Over problems ``n`` counts them; ``p`` tests the
    probabilities that a run of a is better than one of b, less a half, which have one scale on all problems.
    ``p_nemenyi`` and ``p_dunn`` are of mean ranks, all pairs or Bonferroni-Dunn with a as the control.
    ``p_holm`` is adjusted over the pairs that are asked for, ``better`` is whom it names at .05, and ``more_seeds`` how
    many more seeds would tell. ``problem``: that one alone, or "all problems".
    """
    for name in (a, b):
        if name is not None and name not in comparison.optimizers:
            raise InputError(f"no results with optimizer '{name}'; {nearest(name, comparison.optimizers)}")
    pairs = list(combinations(comparison.optimizers, 2))
    if a is not None:
        pairs = [(a, other) for other in comparison.optimizers if other != a and b in (None, other)]
    wanted = comparison.problems if problem is None else [problem] * (problem != ALL)
    rows = [row for name in wanted for row in _on_problem(comparison, name, pairs)]
    rows += _over_problems(comparison, pairs) if problem in (None, ALL) else []
    return pd.DataFrame(rows, columns=COLUMNS)


def _on_problem(comparison: Comparison, problem: str, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for a, b in pairs:
        x, y = comparison.pair(problem, a, b)
        if not len(x):
            continue
        found = paired(x, y)
        wins, ties, losses = win_tie_loss(x, y)
        rows.append(
            {
                "problem": problem, "a": a, "b": b, "n": len(x),
                "difference": found.mean if found.method.startswith("mean") else found.median, "low": found.low,
                "high": found.high, "improvement": probability_of_improvement(x, y), "cliffs_delta": cliffs_delta(x, y),
                "wins": wins, "ties": ties, "losses": losses, "p": found.p, "p_nemenyi": np.nan, "p_dunn": np.nan,
                "more_seeds": found.more,
            }
        )  # fmt: skip
    return _decided(rows)


def _over_problems(comparison: Comparison, pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    medians, rows = comparison.medians, []
    if not len(medians):
        return []
    apart, against = nemenyi(medians), {}
    for control in {a for a, _ in pairs}:
        against[control] = bonferroni_dunn(medians, comparison.optimizers.index(control))
    for a, b in pairs:
        i, j = comparison.optimizers.index(a), comparison.optimizers.index(b)
        better = improvements(comparison, i, j)
        wins, ties, losses = win_tie_loss(medians[:, i], medians[:, j])
        rows.append(
            {
                "problem": ALL, "a": a, "b": b, "n": len(medians), "difference": np.nan, "low": np.nan, "high": np.nan,
                "improvement": better.mean(), "cliffs_delta": 2 * better.mean() - 1, "wins": wins, "ties": ties,
                "losses": losses, "p": wilcoxon(0.5 - better), "p_nemenyi": apart[i, j], "p_dunn": against[a][j],
                "more_seeds": 0,
            }
        )  # fmt: skip
    return _decided(rows)


def improvements(comparison: Comparison, i: int, j: int) -> Array:
    """The probability on every complete problem that a run of contender i is better than one of j."""
    blocks = comparison.blocks.values()
    return np.array([probability_of_improvement(block[:, i], block[:, j]) for block in blocks])


def fewest(pairs: int) -> int:
    """How many differences it takes until Wilcoxon's test, adjusted by Holm over so many pairs, can tell one apart."""
    return int(np.floor(1 + np.log2(pairs / ALPHA))) + 1


def _decided(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Holm's adjustment over these rows, and whom each names."""
    adjusted: Any = holm(np.array([row["p"] for row in rows])) if rows else []
    for row, p in zip(rows, adjusted, strict=True):
        row["p_holm"], row["better"] = float(p), ""
        if p < ALPHA:
            row["better"] = row["a"] if row["improvement"] > 0.5 else row["b"] if row["improvement"] < 0.5 else ""
            row["more_seeds"] = 0
        elif row["problem"] != ALL:
            row["more_seeds"] = max(row["more_seeds"], fewest(len(rows)) - row["n"])
    return rows
