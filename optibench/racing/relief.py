"""The map of a problem: the logarithm of its loss as a pale, shaded relief on which paths stay readable.

Shapes: heights (rows, columns) from low y to high y; colours (rows, columns, 3) from 0 to 1.
"""

from __future__ import annotations

import numpy as np

from optibench.plugin.problem import Problem
from optibench.plugin.types import Array
from optibench.racing.paths import Domain
from optibench.racing.train import losses

#: The tint of the deepest and of the highest point: as dark as lines of 3:1 contrast on white can bear.
LOW, HIGH = np.array([0.71, 0.82, 0.92]), np.array([1.0, 0.99, 0.965])
#: How much darker a slope is that faces away from the light.
SHADE = 0.15


def heights(problem: Problem, domain: Domain, columns: int, rows: int) -> Array:
    """The logarithm of the loss above the minimum, or above the lowest point of the map, scaled from 0 to 1."""
    x, y = np.meshgrid(*(np.linspace(*side, count) for side, count in zip(domain, (columns, rows), strict=True)))
    with np.errstate(all="ignore"):
        loss = losses(problem, np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
        finite = loss[np.isfinite(loss)]
        if not len(finite) or finite.max() == finite.min():
            return np.zeros_like(loss)
        gap = loss - (finite.min() if problem.minimum is None else problem.minimum)
        top = np.nanmax(gap[np.isfinite(gap)])
        bottom = max(np.nanpercentile(gap[gap > 0], 0.5), 1e-6 * top)  # the logarithm has no bottom of its own
        height = np.log(np.clip(np.nan_to_num(gap, nan=top, posinf=top), bottom, top) / bottom)
    return height / height.max()


def shaded(height: Array) -> Array:
    """Colours of heights, lit from the upper left."""
    slope_y, slope_x = np.gradient(height)
    steep = 1.2 * max(height.shape) / 4
    facing = (steep * slope_x - steep * slope_y + 1) / np.sqrt(
        3 * ((steep * slope_x) ** 2 + (steep * slope_y) ** 2 + 1)
    )
    light = 1 - SHADE * np.clip(1 - facing / 0.75, 0, 1)
    tint = LOW + (HIGH - LOW) * height[..., None]
    return np.clip(tint * light[..., None], 0, 1)
