"""What is done to a gradient before a rule sees it, in this order: clip_value, clip_norm, l2, centralise."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf
from typing import Any

import numpy as np

from optibench.errors import SettingError
from optibench.plugin.problem import Block
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Transforms:
    """The gradient transforms of a run, each recorded in its row; none by default."""

    clip_value: float | None = None  # every coordinate into [-c, c]
    clip_norm: float | None = None  # the whole gradient to a length of at most c; Pascanu et al. 2013, arXiv:1211.5063
    l2: float = 0.0  # coupled: the gradient of l2 / 2 |w|^2 is added
    centralise: bool = False  # matrices: no mean over the inputs of an output; Yong et al. 2020, arXiv:2004.01461

    def __post_init__(self) -> None:
        for name in ("clip_value", "clip_norm", "l2"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and 0 <= value < inf and (value or name == "l2")):
                least = "0 or more" if name == "l2" else "more than 0"
                raise SettingError(f"{name} = {value!r}: must be a number, {least}")
        if not isinstance(self.centralise, bool):
            raise SettingError(f"centralise = {self.centralise!r}: must be true or false")

    def __call__(self, g: Array, w: Array, blocks: tuple[Block, ...]) -> Array:
        """The gradient that the rule gets, (R, P), in g's dtype."""
        if self.clip_value is not None:
            g = np.clip(g, -self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = np.sqrt((g**2).sum(axis=-1, keepdims=True))
            g = g * np.minimum(1, self.clip_norm / np.where(norm > 0, norm, 1))
        if self.l2:
            g = g + self.l2 * w
        if self.centralise:
            g = g.copy()
            for block in blocks:
                if len(block.shape) > 1:
                    part = block.of(g)
                    part -= part.mean(axis=tuple(range(1, part.ndim - 1)), keepdims=True)
        return g


NAMES = tuple(field.name for field in fields(Transforms))


def transforms(facts: Any) -> Transforms:
    """Those that a table of settings, or an object with such attributes, asks for."""
    given = facts if isinstance(facts, dict) else vars(facts)
    return Transforms(**{name: given[name] for name in NAMES if given.get(name) is not None})
