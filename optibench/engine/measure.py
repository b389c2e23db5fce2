"""When a run is measured, on what, and at what share of its cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from optibench.engine.records import Cohort
from optibench.errors import InputError, reason
from optibench.plugin.functions import Metric
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array

#: Recording may cost at most this share of the training, in gradients of examples (a forward pass is a third of one).
EVALUATION_SHARE = 0.25
#: A curve's points are measured on this many fixed examples of each split, a run's final numbers on all.
PART = 256
MOST_POINTS = 40
#: Examples are measured in slices that keep this many numbers a run between them.
SLICE = 2**22
SPLITS = ("train", "validation", "test")
#: The metric that a run cannot do without.
LOSS = "loss"
Value = TypeVar("Value")


@dataclass
class Measures:
    """The metrics of a cohort. One that fails loses all its columns, and is not tried again; ``failed`` says why."""

    metrics: list[Metric]
    failed: dict[str, str] = field(default_factory=dict)
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)  # column -> its metric and split

    def __call__(self, problem: Problem, w: Array) -> dict[str, Array]:
        """Every metric on every split where it applies: ``loss`` of the training set, ``test_accuracy``, ..., (R,)."""
        measured = {}
        problem = replace(problem, predict=problem.predict and _once(problem, problem.predict, w))
        for metric in self.metrics:
            for split in SPLITS:
                if metric.name in self.failed:
                    continue
                value = self._value(metric, problem, w, split)
                if value is not None:
                    column = metric.name if split == "train" else f"{split}_{metric.name}"
                    self.columns[column] = metric.name, split
                    measured[column] = value
        return self.kept(measured)

    def kept(self, columns: Mapping[str, Value]) -> dict[str, Value]:
        """The columns whose metrics have not failed."""
        return {
            name: value
            for name, value in columns.items()
            if name not in self.columns or self.columns[name][0] not in self.failed
        }

    def _value(self, metric: Metric, problem: Problem, w: Array, split: str) -> Array | None:
        try:
            value = metric(problem, w, split)
            if value is None:
                return None
            value = np.asarray(value, float)
            if value.shape != (len(w),):
                raise InputError(f"returned shape {value.shape} on the {split} split; it must be (R,) = ({len(w)},)")
            return value
        except Exception as error:
            if metric.name == LOSS:  # without which there is no run
                raise
            self.failed[metric.name] = str(error) if isinstance(error, InputError) else reason(error)
            return None

    def cost(self, problem: Problem) -> float:
        """Gradients of examples that one recording costs: a third for each forward pass over a split."""
        if not problem.train:
            return 1 / 3
        splits = [split for name, split in self.columns.values() if name not in self.failed]
        if problem.score is not None:  # all metrics of a split share a forward pass
            splits = sorted({*splits})
        held_out = {"validation": len(problem.validation[0]) if problem.validation else 0}
        held_out["test"] = len(problem.test[0]) if problem.test else 0
        return sum(held_out.get(split, problem.examples) for split in splits) / 3


def _once(problem: Problem, predict: Callable[..., Array], point: Array) -> Callable[..., Array]:
    """The same function, that computes the outputs of each x at ``point`` once, for all metrics, in slices of x.

    Slices depend on the problem alone: a run's bits must not change with its company.
    """
    examples = max(32, SLICE // max(problem.width, 1))
    known: dict[Any, tuple[Array, Array]] = {}

    def remembered(w: Array, x: Array) -> Array:
        if w is not point:
            return predict(w, x)
        key = (x.ctypes.data, x.shape, x.strides, x.dtype.str)
        if key not in known:
            slices = (x[:, begin : begin + examples] for begin in range(0, x.shape[1], examples))
            outputs = [predict(w, some) for some in slices]
            # x too: as long as it lives, its memory is no other array's
            known[key] = x, outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=1)
        return known[key][1]

    return remembered


def part(problem: Problem) -> Problem:
    """The same problem with at most PART examples in each split; all for training where a minimum is known of them."""

    def first(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        return tuple(array[:PART] for array in arrays)

    train = first(problem.train) if problem.minimum is None else problem.train
    return replace(problem, train=train, validation=first(problem.validation), test=first(problem.test))


def points(cohort: Cohort, problem: Problem, small: Problem, measures: Measures) -> tuple[set[int], float]:
    """After which steps to record, evenly in the logarithm, and the share of the cost that recording has.

    As many points as keep the share within EVALUATION_SHARE; the first and the last are always there, and the only ones
    of runs that are not observed.
    """
    training_cost = cohort.steps * max(cohort.batch, 1)
    final, one = measures.cost(problem), measures.cost(small)
    affordable = (EVALUATION_SHARE * training_cost - final) / one - 2
    most = min(MOST_POINTS, max(cohort.steps - 1, 0)) if cohort.observed else 0
    count = int(np.clip(affordable, 0, most))
    chosen = {round(step) for step in np.geomspace(1, cohort.steps, count + 1)[:-1]} if count else set()
    cost = final + (len(chosen) + 2) * one
    return chosen, cost / (cost + training_cost)
