"""Optimizers ranked over problems, and which of them differ significantly (Demšar 2006, JMLR 7, 1-30).

``scores`` is (N, k): N problems, k optimizers, lower is better; inf did not finish, and ties with other inf. Notation:
R (k,) rank sums, S their sum of squares about the mean, V that of all N k ranks, which is N k (k^2 - 1) / 12 without
ties. Sums of ranks are exact in floating point, so perfect agreement is met exactly: N V = S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import inf, sqrt

import numpy as np
from scipy import stats

from optibench.analysis.stats.adjust import holm
from optibench.errors import InputError
from optibench.plugin.types import Array


def ranks(scores: object) -> Array:
    """(N, k): ranks within each problem, 1 is the lowest score; ties share their average."""
    array = np.asarray(scores, float)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(f"scores have shape {array.shape}; they must be (problems, optimizers), at least one of each")
    if np.isnan(array).any():
        row, column = np.argwhere(np.isnan(array))[0]
        raise InputError(f"scores[{row}, {column}] is nan; an optimizer that did not finish must be inf")
    return stats.rankdata(array, axis=1)


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that k optimizers do not differ over n problems; ``mean_ranks`` (k,).

    ``statistic`` is corrected for ties and ``p`` its chi-square tail. ``iman_davenport`` is F of the ``uncorrected``
    statistic as in Demšar 2006, ``p_f`` its tail; with many ties it is conservative.
    """

    n: int
    k: int
    mean_ranks: Array
    statistic: float
    uncorrected: float
    p: float
    iman_davenport: float
    p_f: float


def friedman(scores: object) -> Friedman:
    """Friedman 1937, JASA 32, 675-701, and the less conservative F of Iman & Davenport 1980, Comm. Stat. A9, 571-595.

    F is inf when all problems rank alike without ties. It says nothing (0, p = 1) about one problem or one optimizer.
    """
    r = ranks(scores)
    n, k = r.shape
    S, V = _spreads(r)
    V_untied = n * k * (k * k - 1) / 12
    statistic = (k - 1) * S / V if V else 0.0
    uncorrected = (k - 1) * S / V_untied if k > 1 else 0.0
    F = _ratio((n - 1) * S, n * V_untied - S)
    return Friedman(
        n=n,
        k=k,
        mean_ranks=r.mean(axis=0),
        statistic=statistic,
        uncorrected=uncorrected,
        p=float(stats.chi2.sf(statistic, k - 1)) if statistic else 1.0,
        iman_davenport=F,
        p_f=float(stats.f.sf(F, k - 1, (k - 1) * (n - 1))) if F else 1.0,
    )


def kendalls_w(scores: object) -> float:
    """How far problems rank alike, from 0 to 1: Friedman's statistic over its largest value, N (k - 1); ties corrected.

    Kendall & Babington Smith 1939, Ann. Math. Stat. 10, 275-287. 0 for one optimizer.
    """
    test = friedman(scores)
    return test.statistic / (test.n * (test.k - 1)) if test.k > 1 else 0.0


@dataclass(frozen=True)
class Quade:
    """F with k - 1 and (n - 1)(k - 1) degrees of freedom, and its tail."""

    statistic: float
    p: float


def quade(scores: object) -> Quade:
    """That k optimizers do not differ over n problems, where problems with a wider range of scores weigh more.

    Quade 1979, JASA 74, 680-683; as in Conover 1999, section 5.8. Scores need one scale on all problems; the range of a
    problem on which some did not finish is the widest. Inf when all problems rank alike.
    """
    r = ranks(scores)
    n, k = r.shape
    array = np.asarray(scores, float)
    low, high = array.min(axis=1), array.max(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        Q = stats.rankdata(np.where(low == high, 0.0, high - low))
    S = Q[:, None] * (r - (k + 1) / 2)  # (N, k)
    A, B = float((S**2).sum()), float((S.sum(axis=0) ** 2).sum()) / n
    F = _ratio((n - 1) * B, max(A - B, 0.0) if not np.isclose(A, B, rtol=1e-12) else 0.0)
    return Quade(F, float(stats.f.sf(F, k - 1, (n - 1) * (k - 1))) if F else 1.0)


def _spreads(r: Array) -> tuple[float, float]:
    """S and V of ranks (N, k)."""
    n, k = r.shape
    middle = (k + 1) / 2
    return float(((r.sum(axis=0) - n * middle) ** 2).sum()), float(((r - middle) ** 2).sum())


def _ratio(above: float, below: float) -> float:
    """above / below; 0 / 0 is 0, as nothing was seen, and any more over 0 is inf."""
    return above / below if below else inf if above else 0.0


def _rank_error(k: int, n: int) -> float:
    """Standard error of a difference of two mean ranks, when no optimizer is better: sqrt(k (k + 1) / 6 n)."""
    return sqrt(k * (k + 1) / (6 * n))


def critical_difference(k: int, n: int, alpha: float = 0.05) -> float:
    """Mean ranks that differ by more do so significantly, for all pairs of k optimizers on n problems: Nemenyi 1963.

    Demšar 2006, section 3.2.2: q of the Studentized range with infinite degrees of freedom, over sqrt(2).
    """
    return float(stats.studentized_range.ppf(1 - alpha, k, inf)) / sqrt(2) * _rank_error(k, n) if k > 1 else 0.0


def bonferroni_dunn_difference(k: int, n: int, alpha: float = 0.05) -> float:
    """Mean ranks this far from a control's differ from it: Dunn 1961, JASA 56, 52-64; Demšar 2006, section 3.2.2."""
    return float(stats.norm.isf(alpha / 2 / (k - 1))) * _rank_error(k, n) if k > 1 else 0.0


def bonferroni_dunn(scores: object, control: int) -> Array:
    """(k,) p-values of each optimizer against a control, times the k - 1 comparisons; 1 at the control itself."""
    p = siegel(scores)
    k = len(p)
    if not 0 <= control < k:
        raise InputError(f"control = {control} must be the column of an optimizer, 0 to {k - 1}")
    return np.minimum(p[control] * (k - 1), 1.0) if k > 1 else p[control]


def nemenyi(scores: object) -> Array:
    """(k, k) p-values of all pairs, adjusted together by the Studentized range (Nemenyi 1963); not aware of ties."""
    r = ranks(scores)
    n, k = r.shape
    q = sqrt(2) / _rank_error(k, n)
    means = r.mean(axis=0)
    p = _pairs(k, lambda i, j: stats.studentized_range.sf(np.abs(means[i] - means[j]) * q, k, inf))
    return np.clip(p, 0.0, 1.0)  # it is integrated numerically


def siegel(scores: object) -> Array:
    """(k, k) p-values, not adjusted: normal z of mean ranks (Siegel & Castellan 1988, Nonparametric Statistics)."""
    r = ranks(scores)
    n, k = r.shape
    means = r.mean(axis=0)
    return _pairs(k, lambda i, j: 2 * stats.norm.sf(np.abs(means[i] - means[j]) / _rank_error(k, n)))


def conover(scores: object) -> Array:
    """(k, k) p-values, not adjusted: t of rank sums (Conover 1999, Practical Nonparametric Statistics, 3rd edition).

    t = |R_i - R_j| / sqrt(2 (N V - S) / (N - 1) (k - 1)). Where all problems rank alike the error is 0 and so is p.
    """
    r = ranks(scores)
    n, k = r.shape
    S, V = _spreads(r)
    R, degrees = r.sum(axis=0), (n - 1) * (k - 1)
    if not degrees:
        return np.ones((k, k))
    error = sqrt(2 * (n * V - S) / degrees)

    def p(i: Array, j: Array) -> Array:
        t = [_ratio(difference, error) for difference in np.abs(R[i] - R[j])]
        return 2 * stats.t.sf(t, degrees)

    return _pairs(k, p)


def siegel_holm(scores: object) -> Array:
    """``siegel`` adjusted by Holm over all pairs, (k, k)."""
    return _holm_pairs(siegel(scores))


def conover_holm(scores: object) -> Array:
    """``conover`` adjusted by Holm over all pairs, (k, k)."""
    return _holm_pairs(conover(scores))


def wilcoxon_holm(scores: object) -> Array:
    """(k, k) p-values of signed-rank tests on pairs of columns (Wilcoxon 1945), adjusted by Holm over all pairs.

    Unlike mean ranks, whether two optimizers differ does not depend on the others (Benavoli, Corani & Mangili 2016,
    JMLR 17(5), 1-10), but their scores must have one scale on all problems.
    """
    ranks(scores)  # refuses what it cannot compare
    columns = np.asarray(scores, float).T
    k = len(columns)
    p = np.ones((k, k))
    for i, j in combinations(range(k), 2):
        p[i, j] = p[j, i] = _signed_rank(columns[i], columns[j])
    return _holm_pairs(p)


def _signed_rank(a: Array, b: Array) -> float:
    """p of scipy's test with its default handling of zeros; equal infinities differ by 0, other ones the most.

    The test uses but the signs and the order of differences, so their signed ranks, which are finite, stand for them.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # inf - inf, and what overflows to inf
        d = np.where(a == b, 0.0, a - b)
    return float(stats.wilcoxon(np.sign(d) * stats.rankdata(np.abs(d))).pvalue) if d.any() else 1.0


def _pairs(k: int, p: Callable[[Array, Array], Array]) -> Array:
    """(k, k), symmetric, ones on the diagonal, from p of the pairs i < j."""
    i, j = np.triu_indices(k, 1)
    matrix = np.ones((k, k))
    if len(i):
        matrix[i, j] = matrix[j, i] = p(i, j)
    return matrix


def _holm_pairs(p: Array) -> Array:
    return _pairs(len(p), lambda i, j: holm(p[i, j]))
