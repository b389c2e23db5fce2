"""Rules by parameter block: a matrix as (R, rows, columns), with more axes than two the last are its columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from optibench.optimizers.norms import norm
from optibench.plugin.problem import Block, blocks_of
from optibench.plugin.types import AnyFunction, Array

Blocks = Sequence[Block]


def matrices(blocks: Blocks) -> Blocks:
    """The same blocks, each as a matrix; a vector stays one."""
    return blocks_of(
        **{
            block.name: (*([int(np.prod(block.shape[:-1]))] * (len(block.shape) > 1)), block.shape[-1])
            for block in blocks
        }
    )


def with_shapes(blocks: Blocks, shape: Callable[..., tuple[int, ...]]) -> Blocks:
    """Blocks for state of another shape: ``shape(*shape of the matrix or vector)``."""
    return blocks_of(**{block.name: shape(*block.shape) for block in matrices(blocks)})


def zeros(blocks: Blocks, w: Array) -> Array:
    """State in the layout of ``blocks``, (R, numbers)."""
    return np.zeros((len(w), blocks[-1].slice.stop), w.dtype)


def by_block(rule: AnyFunction, *laid: tuple[Blocks, Array]) -> tuple[Array, ...]:
    """``rule`` of each block's part of every (blocks, array), (R, *shape); its results side by side again, (R, P)."""
    parts = [
        rule(*(block.of(array) for block, (_, array) in zip(same, laid, strict=True)))
        for same in zip(*(blocks for blocks, _ in laid), strict=True)
    ]
    return tuple(
        np.concatenate([part.reshape(len(part), -1) for part in each], axis=-1) for each in zip(*parts, strict=True)
    )


def block_norms(blocks: Blocks, array: Array) -> Array:
    """At every coordinate the Frobenius norm of its block, (R, P)."""
    (norms,) = by_block(lambda part: (np.broadcast_to(norm(part), part.shape),), (blocks, array))
    return norms
