"""Time to target: what a run costs until its loss first reaches a target; a run that never does is a miss, inf.

Misses are censored: they count as over budget, and are never averaged in as if they had hit at their end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf

import numpy as np

from optibench.analysis.stats.intervals import checked, quantile, wilson
from optibench.errors import InputError
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Reached:
    """How often and how fast runs reached a target.

    ``rate`` has the Wilson interval ``low`` to ``high``. ``ert``: expected running time, all that the runs spent until
    their hit or end over the number of hits, inf without one (Auger & Hansen 2005; Hansen et al. 2010). ``par10``: mean
    cost, a miss counted as ten budgets. ``median``: of the costs with a miss as inf, an order statistic, so inf (over
    budget) when fewer than half reach.
    """

    runs: int
    successes: int
    rate: float
    low: float
    high: float
    ert: float
    par10: float
    median: float


def reached(hits: object, spent: object, *, budget: float) -> Reached:
    """From each run's cost at first hit, inf for none, and what it spent in all, both (n,).

    What happens beyond the budget does not count: a hit there is a miss, and a miss spends no more than the budget.
    """
    hits, spent = np.ravel(checked(hits, "hits")), np.ravel(checked(spent, "spent"))
    if len(hits) != len(spent):
        raise InputError(f"reached: {len(hits)} hits and {len(spent)} spent; give one of each a run")
    if not 0 < budget < inf:
        raise InputError(f"reached: budget {budget} must be positive and finite")
    hit = hits <= budget
    runs, successes = len(hits), int(hit.sum())
    until = np.where(hit, hits, np.minimum(spent, budget))
    low, high = wilson(successes, runs)
    return Reached(
        runs=runs,
        successes=successes,
        rate=successes / runs,
        low=low,
        high=high,
        ert=float(until.sum() / successes) if successes else inf,
        par10=float(np.where(hit, hits, 10 * budget).mean()),
        median=float(quantile(np.where(hit, hits, inf), 0.5)),
    )


def order(results: Sequence[Reached]) -> list[int]:
    """Indices from best to worst: by expected running time, ties as given, those that never reached the target last."""
    return sorted(range(len(results)), key=lambda i: (results[i].successes == 0, results[i].ert))


def expected_best(scores: object, k: int | None = None) -> Array:
    """Expected lowest of 1, ..., k scores drawn without replacement from the K given, (k,); k = K if left out.

    Exact: the i-th lowest is the lowest of k drawn in C(K - i, k - 1) of C(K, k) draws. Dodge et al. 2019,
    arXiv:1909.03004, draw with replacement, which Tang et al. 2020 find biased. Infinite for as long as a draw may hold
    nothing but infinite scores; the last of all K is the minimum.
    """
    ordered = np.sort(np.ravel(checked(scores, "scores")))
    K = len(ordered)
    if ordered[0] == -inf:
        raise InputError("scores: -inf among the values; a score is finite or, where a run did not finish, inf")
    if not 1 <= (k := K if k is None else k) <= K:
        raise InputError(f"expected_best: k = {k} must lie in 1 to the number of scores, {K}")
    return np.array([_weighted(ordered[: K - drawn + 1], _weights(K, drawn)) for drawn in range(1, k + 1)])


@lru_cache(4096)
def _weights(K: int, k: int) -> Array:
    """C(K - i, k - 1) / C(K, k) for i = 1, ..., K - k + 1: k / K, then each from the one before."""
    i = np.arange(1, K - k + 1)
    return k / K * np.cumprod(np.concatenate([[1.0], (K - i - k + 1) / (K - i)]))


def _weighted(ordered: Array, weights: Array) -> float:
    """Weighted sum, infinite if a value is, however small its weight (which may have underflowed to 0)."""
    return float(weights @ ordered) if ordered[-1] < inf else inf
