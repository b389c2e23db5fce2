"""Methods two by two: on each problem and over these problems, tested over replicates; and beyond these problems."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from math import ceil

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, Pair
from optibench.analysis.stats.adjust import ALPHA as ALPHA
from optibench.analysis.stats.claims import Tests, positive
from optibench.analysis.stats.effects import probability_of_improvement, win_tie_loss
from optibench.analysis.stats.intervals import MOST_REPLICATES, more_replicates
from optibench.analysis.stats.ranks import critical_difference, friedman, nemenyi, siegel
from optibench.analysis.stats.signed_rank import differences, doubled_ranks, hodges_lehmann, ratios
from optibench.errors import UnknownName
from optibench.plugin.types import Array

#: What stands in the column ``problem`` of rows about these problems together, and about problems like them.
ALL, BEYOND = "all problems", "beyond these problems"
#: Problems without which nothing is claimed beyond them: the tests are approximations for many (Demšar 2006).
MANY = 10


@dataclass(frozen=True)
class Difference:
    """One row of the table: a against b, on a problem, over these problems, or beyond them."""

    problem: str
    a: str
    b: str
    n: int
    effect: str
    estimate: float
    low: float
    high: float
    improvement: float
    cliffs_delta: float
    wins: int
    ties: int
    losses: int
    p: float
    p_adjusted: float
    better: str = ""
    more: int = 0


COLUMNS = [*Difference.__dataclass_fields__]


def pairwise(
    comparison: Comparison, a: str | None = None, b: str | None = None, problem: str | None = None
) -> pd.DataFrame:
    """One row a problem and pair, one for all problems, one beyond them: a against b, or all others, or all pairs.

    ``p_adjusted`` and ``better`` are those of the page, whichever pairs are asked for (see ``claims``): adjusted for
    all pairs on all problems, or for all pairs over them. ``problem``: that one alone, ALL or BEYOND.
    """
    for name in (a, b):
        if name is not None and name not in comparison.methods:
            raise UnknownName("method in the results", name, comparison.methods)
    pairs = list(combinations(comparison.methods, 2))
    if a is not None:
        pairs = [(a, other) for other in comparison.methods if other != a and b in (None, other)]
    wanted = comparison.problems if problem is None else [problem] * (problem not in (ALL, BEYOND))
    rows = [row for name in wanted for row in on_problem(comparison, name, pairs)]
    rows += over_problems(comparison, pairs) if problem in (None, ALL) else []
    rows += beyond_problems(comparison, pairs) if problem in (None, BEYOND) else []
    return pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)


def on_problem(comparison: Comparison, problem: str, pairs: list[Pair]) -> list[Difference]:
    """Pairs on a problem: the ratio of losses where all are positive, else their difference."""
    tests, logarithmic, rows = comparison.tests(problem), positive(comparison.scores(problem)), []
    for a, b in pairs:
        x, y = comparison.pair(problem, a, b)
        if not len(x):
            continue
        d = ratios(x, y) if logarithmic else differences(x, y)
        low, estimate, high = hodges_lehmann(differences(np.log(x), np.log(y)) if logarithmic else d, ranked=d)
        if logarithmic:
            with np.errstate(over="ignore"):
                low, estimate, high = map(float, np.exp([low, estimate, high]))
        effect = ("ratio" if logarithmic else "difference", estimate, low, high, probability_of_improvement(x, y))
        rows.append(_row(comparison, tests, problem, (a, b), effect, win_tie_loss(x, y), d))
    return rows


def over_problems(comparison: Comparison, pairs: list[Pair]) -> list[Difference]:
    """Pairs over the problems that all methods ran on: replicates are the sample."""
    tests, medians, ranks, rows = comparison.claims.over, comparison.medians, comparison.ranks, []
    if tests is None:
        return []
    for a, b in pairs:
        i, j = comparison.methods.index(a), comparison.methods.index(b)
        d = ranks[:, i] - ranks[:, j]
        low, estimate, high = hodges_lehmann(d)
        better = np.mean([probability_of_improvement(table[:, i], table[:, j]) for table in comparison.whole])
        effect = ("mean rank", estimate, low, high, float(better))
        rows.append(_row(comparison, tests, ALL, (a, b), effect, win_tie_loss(medians[:, i], medians[:, j]), d))
    return rows


def _row(
    comparison: Comparison, tests: Tests, problem: str, pair: Pair,
    effect: tuple[str, float, float, float, float], counts: tuple[int, int, int], d: Array,
) -> Difference:  # fmt: skip
    i, j = (comparison.methods.index(name) for name in pair)
    better = pair[0] if tests.wins[i, j] else pair[1] if tests.wins[j, i] else ""
    more = 0 if better else max(more_replicates(doubled_ranks(d), alpha=tests.level), tests.needed - len(d))
    return Difference(
        problem, pair[0], pair[1], len(d), *effect, 2 * effect[-1] - 1, *counts, float(tests.p[i, j]),
        float(tests.adjusted[i, j]), better, more,
    )  # fmt: skip


def beyond_problems(comparison: Comparison, pairs: list[Pair]) -> list[Difference]:
    """Pairs beyond these problems, which are the sample: Nemenyi's test of the mean ranks of median scores.

    A difference is claimed of MANY problems or more, and only where it is significant over these problems, so that the
    guarantee of the page holds for it too.
    """
    medians, methods, tests = comparison.medians, comparison.methods, comparison.claims.over
    if tests is None:
        return []
    n, k = medians.shape
    p, adjusted, means = siegel(medians), nemenyi(medians), friedman(medians).mean_ranks
    critical = critical_difference(k, n)
    rows = []
    for a, b in pairs:
        i, j = methods.index(a), methods.index(b)
        counts = win_tie_loss(medians[:, i], medians[:, j])
        improvement = (counts[0] + counts[1] / 2) / n
        estimate = float(means[i] - means[j])
        better = ""
        if n >= MANY and adjusted[i, j] < ALPHA:
            better = a if tests.wins[i, j] and estimate < 0 else b if tests.wins[j, i] and estimate > 0 else ""
        more = max(MANY, ceil(n * (critical / estimate) ** 2)) - n if abs(estimate) > 1e-9 else MOST_REPLICATES
        rows.append(
            Difference(
                BEYOND, a, b, n, "mean rank", estimate, estimate - critical, estimate + critical, improvement,
                2 * improvement - 1, *counts, float(p[i, j]), float(adjusted[i, j]), better,
                0 if better else max(0, min(more, MOST_REPLICATES)),
            )
        )  # fmt: skip
    return rows
