"""Methods two by two: on each problem over its common seeds, and over problems."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, Pair
from optibench.analysis.stats.effects import cliffs_delta, paired, probability_of_improvement, wilcoxon, win_tie_loss
from optibench.analysis.stats.ranks import bonferroni_dunn, holm, nemenyi
from optibench.errors import UnknownName
from optibench.plugin.types import Array

#: What stands in the column ``problem`` of rows about all problems together.
ALL = "all problems"
ALPHA = 0.05


@dataclass(frozen=True)
class Difference:
    """One row of the table: a against b, on a problem or over all."""

    problem: str
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    improvement: float
    cliffs_delta: float
    wins: int
    ties: int
    losses: int
    p: float
    p_holm: float = nan
    p_nemenyi: float = nan
    p_dunn: float = nan
    better: str = ""
    more_seeds: int = 0


COLUMNS = [*Difference.__dataclass_fields__]


def pairwise(
    comparison: Comparison, a: str | None = None, b: str | None = None, problem: str | None = None
) -> pd.DataFrame:
    """One row a problem and pair, and one for all problems: a against b, or against each other, or all pairs.

    On a problem ``n`` counts seeds; ``difference`` is the mean of a - b with a bootstrap interval (the median where a
    run is infinite), ``p`` Wilcoxon's signed-rank test on seeds. Over problems ``n`` counts them; ``p`` tests the
    probabilities that a run of a is better than one of b, less a half, which have one scale on all problems.
    ``p_nemenyi`` and ``p_dunn`` are of mean ranks, all pairs or Bonferroni-Dunn with a as the control.
    ``p_holm`` is adjusted over the pairs that are asked for, ``better`` is whom it names at .05, and ``more_seeds`` how
    many more seeds a significant difference would need. ``problem``: that one alone, or "all problems".
    """
    for name in (a, b):
        if name is not None and name not in comparison.methods:
            raise UnknownName("method in the results", name, comparison.methods)
    pairs = list(combinations(comparison.methods, 2))
    if a is not None:
        pairs = [(a, other) for other in comparison.methods if other != a and b in (None, other)]
    wanted = comparison.problems if problem is None else [problem] * (problem != ALL)
    rows = [row for name in wanted for row in _on_problem(comparison, name, pairs)]
    rows += _over_problems(comparison, pairs) if problem in (None, ALL) else []
    return pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)


def _on_problem(comparison: Comparison, problem: str, pairs: list[Pair]) -> list[Difference]:
    rows = []
    for a, b in pairs:
        x, y = comparison.pair(problem, a, b)
        if not len(x):
            continue
        test = paired(x, y)
        wins, ties, losses = win_tie_loss(x, y)
        rows.append(
            Difference(
                problem, a, b, len(x), test.mean if test.statistic == "mean" else test.median, test.low, test.high,
                probability_of_improvement(x, y), cliffs_delta(x, y), wins, ties, losses, test.p, more_seeds=test.more,
            )
        )  # fmt: skip
    return _decided(rows)


def _over_problems(comparison: Comparison, pairs: list[Pair]) -> list[Difference]:
    medians, methods = comparison.medians, comparison.methods
    if not len(medians):
        return []
    p_nemenyi = nemenyi(medians)
    p_dunn = {control: bonferroni_dunn(medians, methods.index(control)) for control in {a for a, _ in pairs}}
    rows = []
    for a, b in pairs:
        i, j = methods.index(a), methods.index(b)
        better = improvements(comparison, i, j)
        wins, ties, losses = win_tie_loss(medians[:, i], medians[:, j])
        rows.append(
            Difference(
                ALL, a, b, len(medians), nan, nan, nan, better.mean(), 2 * better.mean() - 1, wins, ties, losses,
                wilcoxon(0.5 - better), p_nemenyi=p_nemenyi[i, j], p_dunn=p_dunn[a][j],
            )
        )  # fmt: skip
    return _decided(rows)


def improvements(comparison: Comparison, i: int, j: int) -> Array:
    """The probability on every complete problem that a run of method i is better than one of j."""
    blocks = comparison.blocks.values()
    return np.array([probability_of_improvement(block[:, i], block[:, j]) for block in blocks])


def fewest(pairs: int) -> int:
    """How many differences Wilcoxon's test, adjusted by Holm over so many pairs, needs to find one significant."""
    return int(np.floor(1 + np.log2(pairs / ALPHA))) + 1


def _decided(rows: list[Difference]) -> list[Difference]:
    """Holm's adjustment over these rows, and whom each names."""
    if not rows:
        return []
    adjusted = holm(np.array([row.p for row in rows]))
    return [_decision(row, float(p), len(rows)) for row, p in zip(rows, adjusted, strict=True)]


def _decision(row: Difference, p: float, pairs: int) -> Difference:
    if p < ALPHA:
        better = row.a if row.improvement > 0.5 else row.b if row.improvement < 0.5 else ""
        return replace(row, p_holm=p, better=better, more_seeds=0)
    more = row.more_seeds if row.problem == ALL else max(row.more_seeds, fewest(pairs) - row.n)
    return replace(row, p_holm=p, more_seeds=more)
