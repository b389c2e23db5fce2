"""A matrix as the product of two thin ones: not convex, but with a known minimum."""

from __future__ import annotations

import numpy as np

from optibench.errors import SettingError
from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.types import Array
from optibench.problems.data import splits


@problem
def matrix_factorisation(*, rank: int = 3) -> Problem:
    """178 wines by 13 measurements as a product U V' of rank 3, mean squared error: saddles, but a known minimum."""
    train, validation, test = splits("wine")
    matrix = np.concatenate([train[0], validation[0], test[0]])
    n, m = matrix.shape
    if not 1 <= rank < m:
        raise SettingError(f"rank = {rank} must lie between 1 and {m - 1}", "rank")
    blocks = blocks_of(u=(n, rank), v=(m, rank))
    tail = np.linalg.svd(matrix, compute_uv=False)[rank:]

    def parts(w: Array) -> tuple[Array, Array, Array]:
        u, v = (block.of(w) for block in blocks)
        return u, v, (u @ v.swapaxes(1, 2) - matrix.astype(w.dtype, copy=False)) / w.dtype.type(np.sqrt(n * m))

    def value_grad(w: Array) -> tuple[Array, Array]:
        u, v, error = parts(w)
        scaled = error / w.dtype.type(np.sqrt(n * m))
        g = np.empty(w.shape, w.dtype)
        np.matmul(scaled, v, out=blocks[0].of(g))
        np.matmul(scaled.swapaxes(1, 2), u, out=blocks[1].of(g))
        return 0.5 * (error.reshape(len(w), -1) ** 2).sum(axis=-1), g

    def hessian_product(w: Array, along: Array) -> Array:
        u, v, error = parts(w)
        du, dv = (block.of(along) for block in blocks)
        root = w.dtype.type(np.sqrt(n * m))
        change = (du @ v.swapaxes(1, 2) + u @ dv.swapaxes(1, 2)) / root
        product = np.empty(w.shape, w.dtype)
        np.divide(change @ v + error @ dv, root, out=blocks[0].of(product))
        np.divide(change.swapaxes(1, 2) @ u + error.swapaxes(1, 2) @ du, root, out=blocks[1].of(product))
        return product

    return Problem(
        "matrix-factorisation",
        start=lambda rng: 0.1 * rng.standard_normal((n + m) * rank),
        value_grad=value_grad,
        hessian_product=hessian_product,
        blocks=blocks,
        minimum=float((tail**2).sum() / (2 * n * m)),
        source="Aeberhard and Forina 1992, doi:10.24432/C5PC7J; the minimum by Eckart and Young 1936, from an SVD",
        epochs=1000,
        constants=(matrix,),
    )
