"""Mean ranks under the bootstrap: replicates are drawn again, each with the ranks of all methods on all problems."""

from __future__ import annotations

import numpy as np

from optibench.plugin.types import Array

DRAWS = 10_000


def resampled(ranks: Array, draws: int = DRAWS, seed: int = 0) -> Array:
    """(draws, methods): mean ranks of replicates that are drawn with replacement; ``ranks``: (replicates, methods).

    Efron 1979. Ranks are halves of whole numbers over the number of problems; a draw is a vector of whole counts.
    """
    n = len(ranks)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)  # (draws, replicates)
    means: Array = counts @ ranks / n
    return means


def share_first(ranks: Array) -> Array:
    """(methods,): how often each has the lowest mean rank; equals share it."""
    first = ranks <= ranks.min(axis=1, keepdims=True) + 1e-9
    share: Array = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return share
