"""Bimodal outcomes: some replicates of a method solve a problem and some do not, so that no middle describes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf

import numpy as np

from optibench.plugin.types import Array

#: Fewer replicates than this, or than a tenth of them, are no second kind.
FEW = 2
#: The losses of two kinds differ by at least this factor, where all are positive.
FACTOR = 2.0


def solved_below(columns: Sequence[Array]) -> float | None:
    """The loss that divides solved from unsolved replicates, if the outcomes of any method (a column) are of two kinds.

    Of the methods with a clear gap the one with the largest decides. Infinity where there is no gap, but some
    replicates of a method finish and some do not; None where all methods have outcomes of one kind.
    """
    values = np.concatenate([*columns, np.empty(0)])
    finite = values[np.isfinite(values)]
    logarithmic = bool(len(finite) and (finite > 0).all())
    gaps = [gap for column in columns if (gap := _gap(column, logarithmic))]
    if gaps:
        return max(gaps, key=lambda gap: (gap[0], -gap[1]))[1]
    mixed = any(len(column) and _kinds(len(column), int(np.isfinite(column).sum())) for column in columns)
    return inf if mixed else None


def solved(column: Array, limit: float) -> float:
    """The share of replicates that finish with a loss of at most ``limit``."""
    return float((np.isfinite(column) & (column <= limit)).mean()) if len(column) else 0.0


def _kinds(n: int, first: int) -> bool:
    """Whether both the first and the others are enough to be a kind."""
    few = max(FEW, ceil(n / 10))
    return few <= first <= n - few


def _gap(column: Array, logarithmic: bool) -> tuple[float, float] | None:
    """The gap, and the loss in its middle, if it is more than 1 + 10 / n times as wide as what lies on either side.

    Of 10 or 20 normal values fewer than 1 sample in 500 has such a gap.
    """
    values = np.sort(column[np.isfinite(column)])
    n = len(values)
    x = np.log(values) if logarithmic else values
    best = max((i for i in range(1, n) if _kinds(n, i)), key=lambda i: x[i] - x[i - 1], default=0)
    if not best:
        return None
    gap = float(x[best] - x[best - 1])
    wide = gap > (1 + 10 / n) * max(x[best - 1] - x[0], x[-1] - x[best])
    if not wide or (logarithmic and gap < np.log(FACTOR)):
        return None
    middle = x[best] / 2 + x[best - 1] / 2
    return gap, float(np.exp(middle) if logarithmic else middle)
