"""Wilcoxon's signed-rank test, exact with ties and zeros, for many pairs at once; the interval that belongs to it.

A row of ``differences`` (..., n) is a pair of methods, a - b by replicate: 0 where they are equal, infinite where one
of them did not finish, which ranks as the largest, NaN where one has no run. Signed ranks are doubled, so that ties,
which share a half, are whole numbers; sums of whole numbers are exact, so no p depends on an order.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from optibench.errors import InputError
from optibench.plugin.types import Array

#: What becomes of differences of 0: left out before ranking (Wilcoxon), or ranked and then left out (Pratt).
Zeros = Literal["wilcox", "pratt"]
#: Up to so many differences p is exact: 2^50 signs are counted without rounding. Beyond it is the normal approximation.
EXACT = 50
#: Rows that are counted at a time: what they take stays within some megabytes.
CHUNK = 2000


def differences(a: object, b: object) -> Array:
    """a - b of paired scores: below 0 where a is better; two infinite ones do not differ."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(a == b, 0.0, a - b)


def ratios(a: object, b: object) -> Array:
    """The larger by the smaller of paired positive scores, with the sign of a - b; 0 where equal, infinite if one is.

    Their signed ranks are those of the differences of logarithms, but exact: equal ratios of whole numbers are equal.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    with np.errstate(invalid="ignore", over="ignore"):
        one_is_infinite = np.isinf(a) != np.isinf(b)
        size = np.where(one_is_infinite, inf, np.minimum(np.maximum(a, b) / np.minimum(a, b), np.finfo(float).max))
        return np.where(a == b, 0.0, np.sign(a - b) * size)


def doubled_ranks(differences: object, zeros: Zeros = "pratt") -> Array:
    """Twice the signed ranks of the sizes, ties sharing their average, (..., n) whole numbers; 0 for 0 and for NaN."""
    d = np.asarray(differences, float)
    out = np.isnan(d) | ((d == 0) if zeros == "wilcox" else np.zeros(d.shape, bool))
    if not d.shape[-1]:
        return np.zeros(d.shape, int)
    ranks = rankdata(np.where(out, -1.0, np.abs(d)), axis=-1) - out.sum(axis=-1, keepdims=True)
    return np.where(out | (d == 0), 0, np.sign(np.nan_to_num(d)) * 2 * ranks).astype(int)


def signed_rank_p(differences: object, zeros: Zeros = "pratt") -> Array:
    """Two-sided p of every row (...,): the share of the signs that chance could give with sums as far from the middle.

    Wilcoxon 1945, Biometrics 1, 80-83; zeros as in Pratt 1959, JASA 54, 655-667. The distribution is conditional on the
    sizes, so p is exact with ties and zeros. 1 for a row of nothing but zeros.
    """
    ranks = doubled_ranks(differences, zeros)
    if not ranks.size:
        return np.ones(ranks.shape[:-1])
    rows = ranks.reshape(-1, ranks.shape[-1])
    if rows.shape[-1] > EXACT:
        spread = np.sqrt((rows.astype(float) ** 2).sum(axis=-1))
        z = np.abs(rows.sum(axis=-1)) / np.where(spread > 0, spread, 1.0)
        return np.asarray(2 * ndtr(-z)).reshape(ranks.shape[:-1])
    sizes = np.sort(np.abs(rows), axis=-1)
    plus = np.where(rows > 0, rows, 0).sum(axis=-1)
    smaller = np.minimum(plus, sizes.sum(axis=-1) - plus)
    p = [_at_most(sizes[start : start + CHUNK], smaller[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
    return np.minimum(1.0, 2 * np.concatenate(p)).reshape(ranks.shape[:-1])


def wilcoxon(differences: object, zeros: Zeros = "wilcox") -> float:
    """Two-sided p of one row of differences, (n,)."""
    d = np.ravel(np.asarray(differences, float))
    if not d.size or np.isnan(d).any():
        raise InputError("wilcoxon: give at least one difference, and no NaN; a run that did not finish is inf")
    return float(signed_rank_p(d, zeros))


def _at_most(sizes: Array, limits: Array) -> Array:
    """P(sum of the positive ranks <= limit) of each row, all 2^n signs being equally likely; sizes (m, n) sorted."""
    patterns, row = np.unique(sizes, axis=0, return_inverse=True)
    row, n, width = row.reshape(-1), sizes.shape[1], int(limits.max()) + 1
    counts = np.zeros((len(patterns), 2 * width))  # signs by their sum; the left half stays 0: sums below 0
    counts[:, width] = 1
    sums = np.arange(width, 2 * width)
    for column in patterns.T:
        counts[:, width:] += np.take_along_axis(counts, sums - np.minimum(column, width)[:, None], axis=1)
    return np.cumsum(counts[:, width:], axis=1)[row, limits] / 2.0**n


def hodges_lehmann(
    differences: object, confidence: float = 0.95, ranked: object | None = None
) -> tuple[float, float, float]:
    """Low, estimate, high of the centre of differences (n,): the median of the averages of all pairs, a value with
    itself among them, and the interval of those centres that the signed-rank test does not reject.

    Hodges & Lehmann 1963, Ann. Math. Stat. 34, 598-611; the interval is Tukey's, exact for symmetric differences and
    conservative with ties, where it can still hold 0 though the test, which counts with the ties, rejects it: it ends
    at 0 then. ``ranked``: what the test ranks, where that is not the differences themselves. Infinite differences of
    both signs have the average 0, as they have the same rank. Without enough differences for this confidence the
    interval is -inf to inf.
    """
    d = np.ravel(np.asarray(differences, float))
    if not d.size or np.isnan(d).any():
        raise InputError("hodges_lehmann: give at least one difference, and no NaN")
    i, j = np.triu_indices(len(d))
    with np.errstate(invalid="ignore"):
        averages = np.sort(np.nan_to_num(d[i] / 2 + d[j] / 2, nan=0.0, posinf=inf, neginf=-inf))
        low, high = averages[(len(averages) - 1) // 2], averages[len(averages) // 2]
    infinite = not (np.isfinite(low) and np.isfinite(high))
    middle = 0.0 if infinite and low < 0 < high else float(low if low == high else low / 2 + high / 2)
    cut = _cut(len(d), confidence)
    ends = (float(averages[cut - 1]), float(averages[-cut])) if cut else (-inf, inf)
    tested = d if ranked is None else ranked
    if ends[0] < 0 < ends[1] and signed_rank_p(tested) <= 1 - confidence:
        ends = (0.0, ends[1]) if doubled_ranks(tested).sum() > 0 else (ends[0], 0.0)
    return ends[0], middle, ends[1]


@lru_cache
def _cut(n: int, confidence: float) -> int:
    """The largest k with P(sum of the positive ranks <= k - 1) <= (1 - confidence) / 2, without ties; 0 if none."""
    tail = (1 - confidence) / 2
    if n > EXACT:
        spread = np.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return max(0, int(n * (n + 1) / 4 - float(ndtri(1 - tail)) * spread))
    sums = np.arange(n * (n + 1) // 2 + 1)
    sizes = np.broadcast_to(2 * np.arange(1, n + 1), (len(sums), n))
    return int((_at_most(sizes, 2 * sums) <= tail).sum())
