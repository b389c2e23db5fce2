"""DeepOBS's quadratic_deep, as DeepOBS 1.1.2 defines it: a noisy quadratic with the spectrum of a deep network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.types import Array

DIMENSION = 100


@lru_cache
def hessian() -> Array:
    """(100, 100): 90 eigenvalues from U(0, 1), 10 from U(30, 60), turned by a random rotation; one stream, seed 42."""
    rng = np.random.RandomState(42)
    eigenvalues = np.concatenate([rng.uniform(0, 1, 90), rng.uniform(30, 60, 10)])
    turn = rotation(rng)
    return turn.T @ np.diag(eigenvalues) @ turn


def rotation(rng: np.random.RandomState) -> Array:
    """A random rotation by the subgroup algorithm. Diaconis and Shahshahani 1987, doi:10.1017/S0269964800000255."""
    angle = 2 * np.pi * rng.uniform()
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size in range(3, DIMENSION + 1):
        v = rng.normal(size=size)
        v /= np.linalg.norm(v)
        direction = np.eye(size)[0] - v
        direction /= np.linalg.norm(direction)
        larger = np.eye(size)
        larger[1:, 1:] = turn
        turn = larger - 2 * np.outer(direction, direction @ larger)
    return -turn


def noise(seed: int, examples: int) -> tuple[Array, Array]:
    """Points x (n, 100), drawn in float32, and x'Qx / 2 of each (n, 1)."""
    drawn = np.random.RandomState(seed).normal(0, 0.6, (1000, DIMENSION)).astype("float32")
    x = drawn[:examples].astype(float)
    return x, 0.5 * ((x @ hessian()) * x).sum(axis=1)[:, None]


@problem
def deepobs_quadratic_deep() -> Problem:
    """(w - x)'Q(w - x) / 2, the mean over noisy x, in 100 dimensions: DeepOBS's quadratic_deep."""
    q, train, test = hessian(), noise(42, 1000), noise(43, 896)
    centre = train[0].mean(axis=0)

    def product(v: Array) -> Array:
        rows = np.ascontiguousarray(v)
        return (rows[:, None, :] @ q.astype(v.dtype, copy=False))[:, 0, :]  # stacked: each run by itself

    def value_grad(w: Array, x: Array, half: Array) -> tuple[Array, Array]:
        """With c the batch's mean: (w - c)'Q(w - c) / 2, and what the points spread around c."""
        c = (np.ones((1, x.shape[1]), x.dtype) @ x)[:, 0] / x.dtype.type(x.shape[1])
        d = w - c
        g = product(d)
        spread = half.reshape(len(half), -1).mean(axis=-1) - 0.5 * (c * product(c)).sum(axis=-1)
        return 0.5 * (d * g).sum(axis=-1) + spread, g

    minimum = float(value_grad(centre[None], train[0][None], train[1][None])[0][0])
    return Problem(
        "deepobs-quadratic-deep",
        start=lambda rng: np.ones(DIMENSION),
        value_grad=value_grad,
        hessian_product=lambda w, v, x, half: product(v),
        train=train,
        test=test,
        blocks=blocks_of(w=(DIMENSION,)),
        minimum=minimum,
        minimizer=tuple(centre.tolist()),
        source="Schneider, Balles and Hennig 2019, https://openreview.net/forum?id=rJg6ssC5Y7; DeepOBS 1.1.2",
        epochs=100,
        width=DIMENSION,
        constants=(q,),
    )
