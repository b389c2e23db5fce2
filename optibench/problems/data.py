"""Real data, scikit-learn's bundled sets, split once and standardised."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from optibench.networks.problem import Split, Splits, split, standardised
from optibench.plugin.types import Array


@lru_cache
def splits(name: str) -> Splits:
    """scikit-learn's set ``name`` as (inputs, target) for training 60 %, validation 20 % and test 20 %.

    Shuffled once with seed 0; inputs standardised with the mean and deviation of the training part.
    """
    from sklearn import datasets  # here because it takes a second to import

    bunch = getattr(datasets, f"load_{name}")()
    parts = split(np.asarray(bunch.data, float), np.asarray(bunch.target))
    return standardised(parts, constant="keep")  # a pixel that is always 0 stays 0


def targets(name: str, encode: Callable[[Array], Array]) -> Splits:
    """The splits of set ``name`` with its targets put through ``encode``: (n,) -> (n, K)."""
    train, validation, test = splits(name)

    def encoded(part: Split) -> Split:
        return part[0], encode(part[1])

    return encoded(train), encoded(validation), encoded(test)


def reshaped(parts: Splits, *shape: int) -> Splits:
    """The same with inputs of another shape, such as images."""
    train, validation, test = ((x.reshape(-1, *shape), y) for x, y in parts)
    return train, validation, test
