"""Difference quotients of a problem's loss: what its gradient is checked against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optibench.plugin.types import Array

#: Points that are evaluated at once.
SLICE = 32


def quotient(
    value_grad: Callable[..., tuple[Array, Array]], w: Array, coordinates: Array, batch: tuple[Array, ...]
) -> Array:
    """Central difference quotients of the loss at w (P,) along some coordinates (N,): (N,).

    The step is the cube root of the precision of float64 times max(1, |w|), where rounding and the third derivative
    cost about as much: Nocedal and Wright 2006, section 8.1.
    """
    h = np.cbrt(np.finfo(float).eps) * np.maximum(1, np.abs(w[coordinates]))
    h = (w[coordinates] + h) - w[coordinates]  # a step that w can take exactly
    slopes = np.empty(len(coordinates))
    for begin in range(0, len(coordinates), SLICE):
        part = slice(begin, begin + SLICE)
        rows = np.arange(len(h[part]))
        ends = []
        for sign in (1, -1):
            moved = np.tile(w, (len(rows), 1))
            moved[rows, coordinates[part]] += sign * h[part]
            ends.append(value_grad(moved, *batch)[0])
        slopes[part] = (ends[0] - ends[1]) / (2 * h[part])
    return slopes
