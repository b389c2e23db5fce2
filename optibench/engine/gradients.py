"""What is done to a gradient before a rule sees it, in this order: clip_value, clip_norm, l2, centralise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optibench.plugin.problem import Block
from optibench.plugin.setting import Flag, Number, rows_of, setting
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Transforms:
    """The gradient transforms of a run, each recorded in its row; none by default.

    Clipping by norm: Pascanu et al. 2013, arXiv:1211.5063. Centralisation: Yong et al. 2020, arXiv:2004.01461.
    """

    clip_value: float | None = setting(
        None,
        kind=Number(above=True),
        metavar="X",
        group="Gradients",
        help="Clip every coordinate of every gradient to [-X, X]",
        details="Applied first.",
    )
    clip_norm: float | None = setting(
        None,
        kind=Number(above=True),
        metavar="X",
        group="Gradients",
        help="Clip the norm of every gradient to X",
        details="Applied after `clip_value`.",
    )
    l2: float = setting(
        0.0,
        kind=Number(),
        metavar="X",
        group="Gradients",
        help="Coupled L2 penalty: add X times the parameters to every gradient",
        details="Applied after clipping; the loss that is reported is without the penalty.",
    )
    centralise: bool = setting(
        False,
        kind=Flag(),
        group="Gradients",
        help="Subtract from the gradient of every matrix its mean over the inputs of each output",
        details="Applied last.",
    )

    def __post_init__(self) -> None:
        for row in rows_of(type(self)):
            value = getattr(self, row.name)
            if value is not None or row.default is not None:
                object.__setattr__(self, row.name, row.check(value))

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


#: The rows of the transforms, for the experiments and functions that take them.
ROWS = rows_of(Transforms)
