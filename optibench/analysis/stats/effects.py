"""How much better one optimizer is than another: two samples of scores, or paired ones (common seeds).

Scores a and b are 1-D, lower is better; inf is a run that did not finish, which loses to finite ones and ties with inf.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Literal

import numpy as np
from scipy import stats

from optibench.analysis.stats.intervals import bootstrap, checked, more_seeds, quantile, signed_ranks
from optibench.errors import InputError
from optibench.plugin.types import Array


def probability_of_improvement(a: object, b: object) -> float:
    """P(a run of a is better than one of b), ties half, over all pairs (Agarwal et al. 2021, arXiv:2108.13264)."""
    a, b = np.ravel(checked(a, "a")), np.sort(np.ravel(checked(b, "b")))
    beaten_or_tied = len(b) - np.searchsorted(b, a, "left")
    beaten = len(b) - np.searchsorted(b, a, "right")
    return float((beaten_or_tied + beaten).sum() / (2 * len(a) * len(b)))


#: Vargha & Delaney 2000, turned so that lower is better: the same number, so the same function.
a12 = probability_of_improvement


def cliffs_delta(a: object, b: object) -> float:
    """P(a better) - P(b better) = 2 A12 - 1, from -1 to 1, positive when a is better (Cliff 1993)."""
    return 2 * a12(a, b) - 1


def differences(a: object, b: object) -> Array:
    """a - b of paired scores, (n,): below 0 where a is better; two infinite ones do not differ."""
    a, b = np.ravel(checked(a, "a")), np.ravel(checked(b, "b"))
    if len(a) != len(b):
        raise InputError(f"paired scores: {len(a)} of a and {len(b)} of b; give both for the same seeds")
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(a == b, 0.0, a - b)


def win_tie_loss(a: object, b: object) -> tuple[int, int, int]:
    """On how many seeds a is better than b, as good, worse."""
    signs = np.sign(differences(a, b))
    return int((signs < 0).sum()), int((signs == 0).sum()), int((signs > 0).sum())


def wilcoxon(differences: object) -> float:
    """Two-sided p of the signed-rank test (Wilcoxon 1945), zeros left out; infinite differences rank as the largest.

    1 if there is none but zeros. Up to 50 exact, ties and all, over the 2^n signs that chance could have given; scipy,
    which does so by trying them, takes a second for 13 with ties. Beyond, the normal approximation of scipy.stats.
    """
    d = np.ravel(checked(differences, "wilcoxon"))
    ranks = signed_ranks(d[d != 0])
    if len(ranks) > 50:
        return float(stats.wilcoxon(ranks).pvalue)
    ranks = (2 * ranks).astype(int)  # whole numbers although ties share a half
    null = np.zeros(int(np.abs(ranks).sum()) + 1)  # probability of each sum of the positive ranks
    null[0] = 1
    for rank in np.abs(ranks).tolist():
        null = (null + np.concatenate([np.zeros(rank), null[:-rank]])) / 2
    smaller = min(ranks[ranks > 0].sum(), -ranks[ranks < 0].sum())
    return min(1.0, 2 * float(null[: smaller + 1].sum()))


@dataclass(frozen=True)
class Paired:
    """Scores of a and b on n common seeds compared: differences are a - b, below 0 where a is better.

    ``mean`` is nan, for it does not exist, when some differences are inf and some -inf. ``low`` and ``high`` are of
    ``statistic``, the mean if all differences are finite, else the median; ``method`` is how (see Interval). ``p`` is
    of the signed-rank test, ``more`` how many more seeds would settle it. ``better`` is "a" or "b" where the interval
    excludes 0, else "".
    """

    n: int
    median: float
    mean: float
    low: float
    high: float
    statistic: Literal["mean", "median"]
    method: str
    p: float
    more: int
    better: str


def paired(a: object, b: object, *, confidence: float = 0.95, replicates: int = 10_000, seed: int = 0) -> Paired:
    """Compare scores on common seeds: swapping a and b swaps the signs and nothing else. See Paired."""
    d = differences(a, b)
    finite = bool(np.isfinite(d).all())
    statistic = _mean if finite else _median
    interval = bootstrap(
        d,
        lambda strata: statistic(strata[0]),
        replicates=replicates,
        confidence=confidence,
        method="bca" if finite else "percentile",
        seed=seed,
    )
    return Paired(
        n=len(d),
        median=float(_median(d)),
        mean=nan if {-inf, inf} <= set(d.tolist()) else float(_mean(d)),
        low=interval.low,
        high=interval.high,
        statistic="mean" if finite else "median",
        method=interval.method,
        p=wilcoxon(d),
        more=more_seeds(d),
        better="a" if interval.high < 0 else "b" if interval.low > 0 else "",
    )


def _mean(d: Array) -> Array:
    """Divided before it is summed, so that huge finite differences do not overflow."""
    return np.asarray((d / d.shape[-1]).sum(-1))


def _median(d: Array) -> Array:
    """Midpoint of the two middle order statistics: infinite if one of them is, 0 between -inf and inf.

    Unlike one order statistic it changes but its sign when a and b change places.
    """
    low, high = quantile(d, 0.5), -quantile(-d, 0.5)
    with np.errstate(invalid="ignore"):
        middle = low / 2 + high / 2
    return np.where(low == high, low, np.where(np.isnan(middle), 0.0, middle))
