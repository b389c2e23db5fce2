"""Which examples a step sees: (rng, n) -> an endless stream of epochs, each n indices. The remainder is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optibench.pieces import Array


def full(rng: np.random.Generator, n: int) -> Iterator[Array]:
    """Every example, every step."""
    while True:
        yield np.arange(n)


def reshuffle(rng: np.random.Generator, n: int) -> Iterator[Array]:
    """A new permutation every epoch."""
    while True:
        yield rng.permutation(n)


def replacement(rng: np.random.Generator, n: int) -> Iterator[Array]:
    """Independent draws with replacement."""
    while True:
        yield rng.integers(n, size=n)


def fixed(rng: np.random.Generator, n: int) -> Iterator[Array]:
    """One permutation, replayed every epoch."""
    order = rng.permutation(n)
    while True:
        yield order


SAMPLERS: dict[str, Callable[[np.random.Generator, int], Iterator[Array]]] = {
    "full": full,
    "reshuffle": reshuffle,
    "replacement": replacement,
    "fixed": fixed,
}
