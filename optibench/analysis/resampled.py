"""Mean ranks under the bootstrap: seeds are drawn again within every problem, the same for all contenders."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from optibench.analysis.comparison import Comparison
from optibench.pieces import Array

REPLICATES = 10_000
#: Replicates that are computed at a time: what they take stays in the cache.
CHUNK = 500


def mean_ranks(comparison: Comparison, replicates: int = REPLICATES, seed: int = 0) -> Array:
    """(replicates, optimizers): the mean over problems of the ranks of median scores, stratified by problem.

    Efron 1979's bootstrap of paired seeds: a draw of seeds serves every contender, as the runs were paired.
    """
    total = np.zeros((replicates, len(comparison.optimizers)))
    for number, block in enumerate(comparison.blocks.values()):
        rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
        order = np.argsort(np.argsort(block, axis=None, kind="stable"), kind="stable").reshape(block.shape)
        values = np.sort(block, axis=None)
        for begin in range(0, replicates, CHUNK):
            count = min(CHUNK, replicates - begin)
            drawn = order[rng.integers(len(block), size=(count, len(block)))]  # (count, seeds, optimizers)
            middle = (len(block) - 1) // 2
            medians = values[np.partition(drawn, middle, axis=1)[:, middle]]
            total[begin : begin + count] += rankdata(medians, axis=1)
    return total / max(len(comparison.blocks), 1)


def share_first(ranks: Array) -> Array:
    """(optimizers,): how often each has the lowest mean rank; equals share it."""
    first = ranks <= ranks.min(axis=1, keepdims=True) + 1e-12
    share: Array = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return share
