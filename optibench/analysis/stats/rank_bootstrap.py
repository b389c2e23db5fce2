"""Mean ranks under the bootstrap: seeds are drawn again within every problem, the same for all methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from optibench.plugin.types import Array

REPLICATES = 10_000
#: Replicates that are computed at a time: what they take stays in the cache.
CHUNK = 500


def mean_ranks(blocks: Sequence[Array], replicates: int = REPLICATES, seed: int = 0) -> Array:
    """(replicates, methods): the mean over blocks of the ranks of median scores; ``blocks``: (seeds, methods) each.

    Efron 1979's bootstrap of paired seeds: a draw of seeds serves every method, as the runs were paired.
    """
    total = np.zeros((replicates, blocks[0].shape[1]))
    for number, block in enumerate(blocks):
        rng = np.random.default_rng(np.random.SeedSequence([seed, number]))
        order = np.argsort(np.argsort(block, axis=None, kind="stable"), kind="stable").reshape(block.shape)
        values = np.sort(block, axis=None)
        for begin in range(0, replicates, CHUNK):
            count = min(CHUNK, replicates - begin)
            drawn = order[rng.integers(len(block), size=(count, len(block)))]  # (count, seeds, methods)
            middle = (len(block) - 1) // 2
            medians = values[np.partition(drawn, middle, axis=1)[:, middle]]
            total[begin : begin + count] += rankdata(medians, axis=1)
    return total / len(blocks)


def share_first(ranks: Array) -> Array:
    """(methods,): how often each has the lowest mean rank; equals share it."""
    first = ranks <= ranks.min(axis=1, keepdims=True) + 1e-12
    share: Array = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    return share
