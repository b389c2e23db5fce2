"""How much better one optimizer is than another: two samples of scores, or paired ones (common replicates).

Scores a and b are 1-D, lower is better; inf is a run that did not finish, which loses to finite ones and ties with inf.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optibench.analysis.stats.intervals import checked, quantile
from optibench.analysis.stats.signed_rank import differences, hodges_lehmann, wilcoxon
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


def win_tie_loss(a: object, b: object) -> tuple[int, int, int]:
    """In how many replicates a is better than b, as good, worse."""
    signs = np.sign(_differences(a, b))
    return int((signs < 0).sum()), int((signs == 0).sum()), int((signs > 0).sum())


@dataclass(frozen=True)
class Paired:
    """Scores of a and b in n common replicates compared: differences are a - b, below 0 where a is better.

    ``estimate``, ``low`` and ``high``: Hodges and Lehmann's, exact at 95 %. ``p``: of the signed-rank test, exact, of
    this pair alone: what a page claims is adjusted for all its pairs (see ``claims``). ``better`` is "a" or "b" where
    the interval excludes 0, else "".
    """

    n: int
    median: float
    estimate: float
    low: float
    high: float
    p: float
    better: str


def paired(a: object, b: object, *, confidence: float = 0.95) -> Paired:
    """Compare scores in common replicates: swapping a and b swaps the signs and nothing else. See Paired."""
    d = _differences(a, b)
    low, estimate, high = hodges_lehmann(d, confidence)
    return Paired(
        n=len(d),
        median=float(_median(d)),
        estimate=estimate,
        low=low,
        high=high,
        p=wilcoxon(d, "pratt"),
        better="a" if high < 0 else "b" if low > 0 else "",
    )


def _differences(a: object, b: object) -> Array:
    a, b = np.ravel(checked(a, "a")), np.ravel(checked(b, "b"))
    if len(a) != len(b):
        raise InputError(f"paired scores: {len(a)} of a and {len(b)} of b; give both for the same replicates")
    return differences(a, b)


def _median(d: Array) -> Array:
    """Midpoint of the two middle order statistics: infinite if one of them is, 0 between -inf and inf.

    Unlike one order statistic it changes but its sign when a and b change places.
    """
    low, high = quantile(d, 0.5), -quantile(-d, 0.5)
    with np.errstate(invalid="ignore"):
        middle = low / 2 + high / 2
    return np.where(low == high, low, np.where(np.isnan(middle), 0.0, middle))
