"""What is measured along a run: (problem, w, split) -> (R,), or None where a metric does not apply."""

from __future__ import annotations

import numpy as np

from optibench.plugin.functions import Metric, metric
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array


@metric
def loss(problem: Problem, w: Array, split: str) -> Array | None:
    """The problem's loss on the split, its penalty included."""
    data = getattr(problem, split)
    if problem.train and not data:
        return None
    if not problem.train and split != "train":
        return None
    batch = tuple(array[None] for array in data)  # one for all runs
    return problem.loss(w, *batch)


@metric
def accuracy(problem: Problem, w: Array, split: str) -> Array | None:
    """The share of examples whose highest score, or sign, is right; on held-out splits."""
    data = getattr(problem, split)
    if not problem.classes or problem.predict is None or not data or split == "train":
        return None
    inputs, target = data[0][None], data[1][None]
    output = problem.predict(w, inputs)
    if output.shape[-1] == 1:
        right = (output > 0) == (target > target.dtype.type(0.5))
        return right[..., 0].mean(axis=-1)
    return (output.argmax(axis=-1) == target.argmax(axis=-1)).mean(axis=-1)


@metric
def distance(problem: Problem, w: Array, split: str) -> Array | None:
    """Euclidean distance to the known minimiser."""
    if problem.minimizer is None or split != "train":
        return None
    return np.sqrt(((w - np.asarray(problem.minimizer, w.dtype)) ** 2).sum(axis=-1))


@hookimpl
def optibench_metrics() -> list[Metric]:
    return [loss, accuracy, distance]
