"""Products and norms of each run by itself, in shapes that broadcast."""

from __future__ import annotations

import numpy as np

from optibench.plugin.types import Array


def dot(a: Array, b: Array) -> Array:
    """The inner product of each run's parameters: (R, P), (R, P) -> (R, 1)."""
    product: Array = np.vecdot(np.ascontiguousarray(a), np.ascontiguousarray(b))
    return product[:, None]


def norm(part: Array) -> Array:
    """The Frobenius norm of each run's part, (R, ...) -> (R, 1, ...)."""
    root: Array = np.sqrt((part**2).sum(axis=tuple(range(1, part.ndim)), keepdims=True))
    return root


def ratio(a: Array, b: Array, otherwise: float = 1) -> Array:
    """a / b, and ``otherwise`` where b is 0."""
    usable = b != 0
    return np.where(usable, a / np.where(usable, b, 1), np.asarray(otherwise, b.dtype))
