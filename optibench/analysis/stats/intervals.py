"""How sure a number is: bootstrap and Wilson intervals, and how many replicates would settle it.

Lower is better. A run that did not finish is inf, and inf never becomes NaN.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Literal

import numpy as np
from scipy import stats
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from optibench.errors import InputError
from optibench.plugin.types import Array

#: From one array a stratum, each (..., n_i), to one number a row: (...).
Statistic = Callable[[list[Array]], Array]

#: The most numbers a chunk of replicates holds: 8 MB of indices, 8 MB of values, and what the statistic makes of them.
CHUNK = 1_000_000

#: The most replicates that more_replicates asks for; it means "that many or more".
MOST_REPLICATES = 10_000


def checked(values: object, name: str) -> Array:
    """A float array with at least one value and no NaN."""
    array = np.asarray(values, float)
    if not array.size:
        raise InputError(f"{name}: no values; give at least one")
    if np.isnan(array).any():
        raise InputError(f"{name}: NaN among the values; a run that did not finish is inf")
    return array


def quantile(values: object, q: float, axis: int = -1) -> Array:
    """The order statistic at q: always one of the values, the lower one in doubt, so that inf makes no NaN."""
    return np.asarray(np.quantile(checked(values, "quantile"), q, axis=axis, method="inverted_cdf"))


def interquartile_mean(values: object, axis: int = -1) -> Array:
    """Mean of what is left without the floor(n/4) lowest and highest: scipy.stats.trim_mean at 0.25.

    Agarwal et al. 2021, arXiv:2108.13264, whose rliable computes it so. Infinite as soon as one value in the middle is.
    """
    ordered = np.sort(np.moveaxis(checked(values, "interquartile_mean"), axis, -1), -1)
    cut = ordered.shape[-1] // 4
    middle = ordered[..., cut : ordered.shape[-1] - cut]
    if ((middle[..., 0] == -inf) & (middle[..., -1] == inf)).any():
        raise InputError("interquartile_mean: -inf and inf both in the middle half have no mean; take the median")
    return np.asarray(middle.mean(-1))


def optimality_gap(values: object, target: float, axis: int = -1) -> Array:
    """By how much values miss a target on average, those that reach it by 0; infinite as soon as one value is.

    Agarwal et al. 2021, arXiv:2108.13264, turned so that lower is better: rliable's, of minus values and target.
    """
    return np.asarray(np.maximum(checked(values, "optimality_gap") - target, 0.0).mean(axis=axis))


def median_interval(values: object, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of the median: two order statistics, whatever the distribution (Conover 1999, section 3.2).

    The k-th lowest and the k-th highest, with the largest k that a binomial count of n halves falls short of with
    probability (1 - confidence) / 2 at most; -inf to inf where there are too few values, below 6 for 95 %.
    """
    ordered = np.sort(np.ravel(checked(values, "median_interval")))
    n = len(ordered)
    k = int((stats.binom.cdf(np.arange(n // 2), n, 0.5) <= (1 - confidence) / 2).sum())
    return (float(ordered[k - 1]), float(ordered[n - k])) if k else (-inf, inf)


def interquartile_interval(values: object, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of the interquartile mean: Student's t with the spread of the winsorized values.

    Tukey & McLaughlin 1963, Sankhya A 25, 331-352 (Wilcox 2012, section 4.3), with h values in the middle. Its error is
    multiplied by sqrt(h / (h - 1)): without that, intervals of 10 lognormal values cover 93 %, with it 94 % or more,
    and those of normal ones 95 %, as a bootstrap-t does that is wider and random. Where the mean is infinite, from the
    lower end of the median's interval to infinity.
    """
    ordered = np.sort(np.ravel(checked(values, "interquartile_interval")))
    n = len(ordered)
    cut = n // 4
    h = n - 2 * cut
    middle = float(interquartile_mean(ordered))
    if not isfinite(middle):
        return median_interval(ordered, confidence)[0], inf
    if n < 3:
        return -inf, inf
    winsorized = np.clip(ordered, ordered[cut], ordered[n - 1 - cut])
    scale = float(np.abs(winsorized).max()) or 1.0  # squares of huge or tiny numbers leave the floats
    error = scale * float((winsorized / scale).std(ddof=1)) * sqrt((n - 1) / (h * (h - 1))) * sqrt(h / (h - 1))
    half = float(stats.t.ppf((1 + confidence) / 2, h - 1)) * error
    return middle - half, middle + half


def rank_interval(values: Array, step: float, confidence: float = 0.95) -> tuple[Array, Array]:
    """Student's interval of the mean of every column (n, k) of ranks that move in steps; infinite for one replicate.

    Few replicates may show no spread where there is one, so that two steps in one replicate of n are added to it: the
    interval covers 94 % or more at 10 and 20 replicates, also next to the first and the last rank.
    """
    n = len(values)
    mean: Array = values.mean(axis=0)
    if n < 2:
        return np.full_like(mean, -inf), np.full_like(mean, inf)
    error = np.sqrt((values.var(axis=0, ddof=1) + (2 * step) ** 2 / n) / n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    return mean - half, mean + half


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval around it; ``method`` says how the interval came about (see bootstrap)."""

    low: float
    estimate: float
    high: float
    confidence: float
    method: str


def resample(rng: np.random.Generator, sizes: Sequence[int], replicates: int) -> list[Array]:
    """Indices of bootstrap replicates, (replicates, n_i) a stratum: drawn with replacement, each within its stratum."""
    return [rng.integers(0, size, (replicates, size)) for size in sizes]


def distribution(
    samples: Array | Sequence[Array], statistic: Statistic, *, replicates: int = 10_000, seed: int = 0
) -> Array:
    """The statistic of each bootstrap replicate, (replicates,); each stratum is resampled by itself."""
    strata = _strata(samples)
    sizes = [len(stratum) for stratum in strata]
    rng = np.random.default_rng(seed)
    parts = []
    for rows in _chunks(replicates, sum(sizes)):
        drawn = resample(rng, sizes, len(rows))
        parts.append(statistic([stratum[index] for stratum, index in zip(strata, drawn, strict=True)]))
    theta = np.concatenate(parts)
    if np.isnan(theta).any():
        raise InputError("bootstrap: the statistic is NaN on a replicate; with infinite values take an order statistic")
    return theta


def bootstrap(
    samples: Array | Sequence[Array],
    statistic: Statistic,
    *,
    replicates: int = 10_000,
    confidence: float = 0.95,
    method: Literal["bca", "percentile"] = "bca",
    seed: int = 0,
) -> Interval:
    """Interval of a statistic of one array, or of one array a stratum (a problem): BCa or percentile.

    BCa: Efron 1987; its two constants as in Efron & Tibshirani 1993, eq. 14.14 and 15.36, and in scipy.stats.bootstrap.
    The result's ``method`` is the one asked for, or:
    "constant": all replicates equal the estimate, and so do low and high, infinite or not;
    "order statistics": some replicates are infinite, the ends are percentiles that are replicates themselves;
    "percentile" though BCa was asked for: its constants do not exist (no replicate on one side of the estimate);
    "one value": no stratum has a second value, so nothing is known about the spread: -inf to inf.
    """
    if not 0 < confidence < 1:
        raise InputError(f"bootstrap: confidence {confidence} must lie between 0 and 1")
    if replicates < 1:
        raise InputError(f"bootstrap: {replicates} replicates; at least 1")
    if method not in ("bca", "percentile"):
        raise InputError(f"bootstrap: no method {method!r}; there are: bca, percentile")
    strata = _strata(samples)
    estimate = float(statistic(strata))
    if all(len(stratum) == 1 for stratum in strata):
        return Interval(-inf, estimate, inf, confidence, "one value")
    theta = distribution(strata, statistic, replicates=replicates, seed=seed)
    tail = (1 - confidence) / 2
    if (theta == estimate).all():
        return Interval(estimate, estimate, estimate, confidence, "constant")
    if not (np.abs(theta) < 1e300).all():  # finite ones beyond would overflow where np.quantile interpolates
        low, high = float(quantile(theta, tail)), -float(quantile(-theta, tail))
        return Interval(low, estimate, high, confidence, "order statistics")
    levels = (tail, 1 - tail)
    used: str = method
    if method == "bca":
        z0 = bias(theta, estimate)
        a = acceleration(strata, statistic) if isfinite(z0) else inf
        num = z0 + ndtri(levels)  # (2,)
        if isfinite(a) and (a * num < 1).all():
            levels = tuple(ndtr(z0 + num / (1 - a * num)))
        else:
            used = "percentile"
    low, high = np.quantile(theta, levels)
    return Interval(float(low), estimate, float(high), confidence, used)


def bias(theta: Array, estimate: float) -> float:
    """z0 of BCa: the normal quantile of the share of replicates below the estimate, ties half (Efron 1987)."""
    below = np.count_nonzero(theta < estimate) + np.count_nonzero(theta <= estimate)
    return float(ndtri(below / (2 * len(theta))))


def acceleration(samples: Array | Sequence[Array], statistic: Statistic) -> float:
    """a of BCa: the skewness of the jackknife, a value left out at a time (Efron & Tibshirani 1993, eq. 15.36).

    0 if leaving values out changes nothing, inf if it makes the statistic infinite. Strata of one value have no part.
    """
    strata = _strata(samples)
    jackknife = [np.concatenate(list(_left_out(strata, i, statistic))) for i, x in enumerate(strata) if len(x) > 1]
    if not all(np.isfinite(theta).all() for theta in jackknife):
        return inf
    influence = [(1 - 1 / len(theta)) * (theta.mean() - theta) for theta in jackknife]
    scale = max((np.abs(u).max() for u in influence), default=0.0)  # cubes of tiny or huge numbers leave the floats
    if scale == 0:
        return 0.0
    cubes = sum(((u / scale) ** 3).sum() for u in influence)
    squares = sum(((u / scale) ** 2).sum() for u in influence)
    return float(cubes / squares**1.5 / 6)


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share, Wilson 1927; (0, 1) without trials."""
    if not 0 <= successes <= trials:
        raise InputError(f"wilson: {successes} successes in {trials} trials; successes must lie in 0 to trials")
    if not 0 < confidence < 1:
        raise InputError(f"wilson: confidence {confidence} must lie between 0 and 1")
    if not trials:
        return 0.0, 1.0
    p, z = successes / trials, float(ndtri((1 + confidence) / 2))
    centre = (p + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * sqrt(p * (1 - p) / trials + z**2 / (4 * trials**2))
    return (centre - half if successes else 0.0), (centre + half if successes < trials else 1.0)


def more_replicates(differences: object, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many more paired replicates a two-sided t-test at alpha with this power needs for the mean difference seen.

    The spread is taken to be the one seen. 0 if there are enough, MOST_REPLICATES (10,000) if it takes that many or
    more, as it does for no difference at all. With fewer than two the spread is unknown: what is missing to two. Where
    a difference is infinite, signed ranks stand in for all of them (Conover & Iman 1981).
    """
    if not (0 < alpha < 1 and 0 < power < 1):
        raise InputError(f"more_replicates: alpha {alpha} and power {power} must lie between 0 and 1")
    d = np.ravel(np.asarray(differences, float))
    n = len(d)
    if n:
        checked(d, "more_replicates")
    if n < 2:
        return 2 - n
    d = d if np.isfinite(d).all() else signed_ranks(d)
    d = d / (np.abs(d).max() or 1.0)
    mean, spread = abs(float(d.mean())), float(d.std(ddof=1))
    if mean == 0 or spread == 0:
        return MOST_REPLICATES if mean == 0 else 0
    return bisect_left(range(n, n + MOST_REPLICATES), power, key=lambda m: t_test_power(m, mean / spread, alpha))


def t_test_power(n: int, effect: float, alpha: float = 0.05) -> float:
    """Power of a two-sided paired t-test with n pairs; effect: mean over standard deviation of the differences.

    |T| exceeds its critical value, T noncentral t with n - 1 degrees of freedom and noncentrality effect * sqrt(n).
    """
    critical = -stdtrit(n - 1, alpha / 2)
    noncentrality = abs(effect) * sqrt(n)
    if noncentrality > 37:  # the noncentral t fails on larger ones, where the power is 1
        return 1.0
    far = nctdtr(n - 1, noncentrality, -critical) if noncentrality < 3 else 0.0  # nil beyond, where it may fail
    return float(1 - nctdtr(n - 1, noncentrality, critical) + far)


def signed_ranks(differences: Array) -> Array:
    """Ranks of the sizes, from 1, ties shared, with the signs: infinite differences rank as the largest."""
    return np.sign(differences) * stats.rankdata(np.abs(differences))


def _strata(samples: Array | Sequence[Array]) -> list[Array]:
    """One float array a stratum."""
    if not len(samples):
        raise InputError("bootstrap: no samples; give one array, or one a stratum")
    strata = [samples] if np.ndim(samples[0]) == 0 else samples
    return [np.ravel(checked(stratum, "bootstrap")) for stratum in strata]


def _chunks(rows: int, width: int) -> Iterator[range]:
    """The rows in pieces, so that a piece of this width stays within CHUNK."""
    step = max(1, CHUNK // width)
    return (range(start, min(start + step, rows)) for start in range(0, rows, step))


def _left_out(strata: list[Array], which: int, statistic: Statistic) -> Iterator[Array]:
    """The statistic without each value of one stratum in turn, in pieces that sum to (n_which,)."""
    n = len(strata[which])
    for rows in _chunks(n, sum(map(len, strata))):
        left, kept = np.asarray(rows)[:, None], np.arange(n - 1)
        shorter = strata[which][kept + (kept >= left)]  # (rows, n - 1)
        others = [np.broadcast_to(stratum, (len(rows), len(stratum))) for stratum in strata]
        yield statistic([*others[:which], shorter, *others[which + 1 :]])
