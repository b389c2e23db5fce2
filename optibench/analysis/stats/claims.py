"""The one procedure behind every claim: which methods differ, on a problem and over problems, tested over replicates.

A replicate is a whole experiment, so replicates are independent and methods are paired within one. If no two methods
differ, the probability that anything is claimed is at most ALPHA: the pairs on all problems are one family, the pairs
over problems another, each is adjusted by Holm at half of ALPHA, and all p-values are exact. What is "best" may
therefore be chosen by looking. Adjusted p-values are multiplied by the number of families: a claim is one below ALPHA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from scipy.stats import rankdata

from optibench.analysis.stats.adjust import ALPHA, families, fewest, holm
from optibench.analysis.stats.signed_rank import differences, doubled_ranks, ratios, signed_rank_p
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Tests:
    """All pairs of k methods, on a problem or over problems; each matrix is (k, k).

    ``n``: common replicates. ``p`` and ``adjusted``: 1 on the diagonal and where nothing is common. ``wins``: the
    method of the row is significantly better than that of the column. ``needed``: replicates without which none can be;
    ``level``: ALPHA divided by the number of all tests.
    """

    n: Array
    p: Array
    adjusted: Array
    wins: Array
    needed: int
    level: float

    @property
    def enough(self) -> bool:
        """Whether any pair has the replicates that a significant difference takes."""
        return bool((self.n >= self.needed).any())


@dataclass(frozen=True)
class Claims:
    """``on``: the tests on each problem; ``over``: those over the problems that all methods ran on, if any."""

    on: list[Tests]
    over: Tests | None


def claims(tables: Sequence[Array], complete: Array) -> Claims:
    """``tables``: scores on each problem, (replicates, k), NaN without a run; ``complete``: (problems, replicates, k)
    of the problems and replicates that all methods have."""
    parts = families(len(tables))
    on = _family([paired(table) for table in tables], parts)
    if parts == 1 or not complete.size:
        return Claims(on, None)
    ranks = rankdata(complete, axis=2).sum(axis=0)  # (replicates, k); sums of halves are exact, so ties are ties
    return Claims(on, _family([_pairs(ranks)], parts)[0])


def paired(table: Array) -> Array:
    """Ratios of all pairs i < j on a problem, (pairs, replicates), if all finite scores are positive; else differences.

    A ratio has one meaning for small and for large losses. The scale is the same for all methods, and so does not
    depend on which of them is better.
    """
    return _pairs(table, ratios if positive(table) else differences)


def positive(scores: Array) -> bool:
    """Whether all scores that are finite are above 0."""
    finite = scores[np.isfinite(scores)]
    return bool(len(finite) and (finite > 0).all())


def _pairs(columns: Array, compare: Callable[[object, object], Array] = differences) -> Array:
    """(pairs, n) of columns (n, k), i < j."""
    i, j = np.triu_indices(columns.shape[1], 1)
    return compare(columns[:, i], columns[:, j]).T


def _family(problems: list[Array], parts: int) -> list[Tests]:
    """Tests of one family: all pairs that have common replicates, on all problems."""
    counts = [(~np.isnan(d)).sum(axis=1) for d in problems]
    p = [signed_rank_p(d) for d in problems]
    tested = [n > 0 for n in counts]
    size = sum(int(one.sum()) for one in tested)
    adjusted = np.minimum(1.0, parts * holm(np.concatenate([*(a[b] for a, b in zip(p, tested, strict=True)), []])))
    needed, level = fewest(size, ALPHA / parts), ALPHA / parts / max(size, 1)
    tests, start = [], 0
    for d, n, one, raw in zip(problems, counts, tested, p, strict=True):
        whole = np.ones(len(n))
        whole[one] = adjusted[start : start + int(one.sum())]
        start += int(one.sum())
        sign = np.sign(doubled_ranks(d).sum(axis=1)) * (whole < ALPHA)  # below 0: the first of the pair is better
        wins = _square(sign, 0, antisymmetric=True) < 0
        tests.append(Tests(_square(n, 0), _square(raw, 1.0), _square(whole, 1.0), wins, needed, level))
    return tests


def _square(values: Array, diagonal: float, antisymmetric: bool = False) -> Array:
    """(k, k) of values of the pairs i < j."""
    k = round((1 + sqrt(1 + 8 * len(values))) / 2)
    i, j = np.triu_indices(k, 1)
    matrix = np.full((k, k), diagonal, dtype=values.dtype if len(values) else float)
    matrix[i, j] = values
    matrix[j, i] = -values if antisymmetric else values
    return matrix


def groups(wins: Array) -> list[tuple[int, ...]]:
    """The largest sets of methods among which no difference is significant: two share one if and only if they do not
    differ, whatever lies between them.

    Piepho 2004, J. Comput. Graph. Stat. 13, 456-466: insert a difference by splitting every set that holds both, and
    absorb sets that lie within others. A method that differs from all others is a set of its own.
    """
    differ = wins | wins.T
    sets = [frozenset(range(len(differ)))] if len(differ) else []
    for i, j in combinations(range(len(differ)), 2):
        if differ[i, j]:
            split = {part for one in sets for part in ([one - {i}, one - {j}] if {i, j} <= one else [one])}
            sets = [one for one in split if not any(one < other for other in split)]
    return sorted(tuple(sorted(one)) for one in sets)


def letters(wins: Array, order: Array) -> list[str]:
    """The groups of every method as letters, given in the order of ``order`` (k,), such as mean ranks."""
    names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    place = rankdata(order, method="min")
    sets = sorted(groups(wins), key=lambda one: (sorted(place[[*one]]), one))
    words = [names[index] if index < len(names) else f"({index + 1})" for index in range(len(sets))]
    return ["".join(word for word, one in zip(words, sets, strict=True) if i in one) for i in range(len(wins))]


def identical(tables: Sequence[Array]) -> list[tuple[int, ...]]:
    """Columns that are equal in every row of every table, two or more together: methods that are copies."""
    whole = np.concatenate(tables) if len(tables) else np.empty((0, 0))
    sets: dict[bytes, list[int]] = {}
    for i, column in enumerate(whole.T):
        sets.setdefault((column + 0.0).tobytes(), []).append(i)
    return [tuple(one) for one in sets.values() if len(one) > 1]
