"""Which examples a step sees: (rng, n) -> an endless stream of epochs, each n indices. The remainder is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from optibench.engine.records import Cohort
from optibench.engine.streams import stream
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array


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


class Batches:
    """The batches of every run: rows of the training arrays, (R, B, ...), or (1, B, ...) where all runs share them.

    The noise that the problem draws for a batch comes after them, the same for every optimizer at a seed.
    """

    def __init__(self, problem: Problem, cohort: Cohort, seeds: list[int]) -> None:
        self.arrays, self.batch, self.n = problem.train, cohort.batch, problem.examples
        unique, self.rows = np.unique(seeds, return_inverse=True)
        self.shared = len(unique) == 1
        streams = [stream(int(seed), "order") for seed in unique] if self.arrays else []
        self.epochs = [SAMPLERS[cohort.sampler](rng, self.n) for rng in streams]
        self.at, self.order = self.n, np.empty((0, 0), int)
        self.whole = tuple(array[None] for array in self.arrays) if cohort.sampler == "full" else None
        self.draws = problem.draws
        self.noise = [stream(int(seed), "dropout") for seed in unique] if problem.draws else []

    def next(self) -> tuple[Array, ...]:
        return self._examples() if self.draws is None else (*self._examples(), *self._noise(self.draws))

    def _noise(self, draws: Callable[..., tuple[Array, ...]]) -> Iterator[Array]:
        for arrays in zip(*(draws(rng, self.batch) for rng in self.noise), strict=True):
            stacked = np.stack(arrays)
            yield stacked if self.shared else stacked[self.rows]

    def _examples(self) -> tuple[Array, ...]:
        if self.whole is not None:
            return self.whole
        if self.at + self.batch > self.n:
            self.at, self.order = 0, np.stack([next(epoch) for epoch in self.epochs])
        chosen = self.order[:, self.at : self.at + self.batch]
        self.at += self.batch
        if not self.shared:
            chosen = chosen[self.rows]
        return tuple(array.take(chosen, axis=0) for array in self.arrays)

    def keep(self, alive: Array) -> None:
        self.rows = self.rows[alive]
