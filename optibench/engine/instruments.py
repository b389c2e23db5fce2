"""Instruments along a run: gradients and updates by layer, consecutive steps, saturated units, the largest curvature.

Norms and cosines are of what the training computes anyway, so they cost nothing. Saturation and sharpness are measured
on the examples that curves are measured on, in float64, at as many of the recorded steps as SHARE allows. Only runs
that are instrumented are read, each by itself, and none of their numbers changes. Shapes: w and g (R, P) of these runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf

import numpy as np

from optibench.engine.probe import dot, extremes, gradient, norm
from optibench.engine.records import Cohort, Point, Readings
from optibench.engine.state import Training
from optibench.errors import reason
from optibench.plugin.problem import Block, Problem
from optibench.plugin.types import Array

#: Instruments may cost this share of the training, in gradients of examples (a forward pass is a third of one).
SHARE = 0.1
#: Hessian products of a sharpness. On five built-in networks under gd it was then up to 15 % below what twenty products
#: find at the start of training, up to 4 % after 20 steps, and less than 1 % at most later points.
PRODUCTS = 6
#: At most so many of the recorded steps have a sharpness.
MOST = 12


class Instruments:
    """Reads the instrumented runs of a cohort into ``readings``; an instrument that raises has no columns there."""

    def __init__(self, training: Training, problem: Problem, recorded: set[int], readings: Readings) -> None:
        """``problem``: the part of it that curves are measured on, in float64; ``recorded``: the steps of the curve."""
        self.readings = readings
        self.on = np.array([training.cohort.runs[run].instrumented for run in training.alive], bool)  # those alive
        self.steps: set[int] = set()
        self.seldom: Mapping[str, set[int]] = {}  # the steps of instruments that cost something
        self.trail: list[Array] = []  # the parameters before the last step, and before that
        if self.on.any():
            problem = with_fixed_noise(problem)
            self.problem, self.steps = problem, {*recorded, training.cohort.steps}
            self.seldom, readings.share = affordable(training.cohort, problem, self.steps)
            self.trail = [_rows(training.w, self.on)]

    def keep(self, mask: Array) -> None:
        """Forget the runs outside ``mask``."""
        self.trail = [w[mask[self.on]] for w in self.trail]
        self.on = self.on[mask]

    def stepped(self, training: Training, g: Array) -> None:
        """``g``: the gradient that the rule was given for the step that training has just made."""
        t = training.t
        if self.steps.isdisjoint((t, t + 1, t + 2)) or not self.on.any():
            self.trail = []  # what is kept falls out of the cache
            return
        w = _rows(training.w, self.on)
        if t in self.steps:
            self._read(training, w, g)
        self.trail = [*self.trail[-1:], w]

    def _read(self, training: Training, w: Array, g: Array) -> None:
        instruments: dict[str, Callable[[], Mapping[str, Array]]] = {
            "gradient_norm": lambda: self._gradients(training, g),
            "update_ratio": lambda: self._updates(w),
            "step_cosine": lambda: self._cosine(w),
            "learning_rate": lambda: self._rate(training),
            "saturation": lambda: self._saturation(w),
            "sharpness": lambda: {"": extremes(_with_differences(self.problem, w), w, PRODUCTS)[1]},
        }
        columns: dict[str, Array] = {}
        for name, measure in instruments.items():
            if name in self.readings.failed or training.t not in self.seldom.get(name, self.steps):
                continue
            try:
                columns |= {f"{name}:{layer}" if layer else name: values for layer, values in measure().items()}
            except Exception as error:  # of the problem's: its runs go on without this instrument
                self.readings.failed[name] = reason(error)
        self.readings.points.append(Point(step=training.t, runs=training.alive[self.on], counts={}, columns=columns))
        for point in self.readings.points if self.readings.failed else ():
            point["columns"] = {
                name: values
                for name, values in point["columns"].items()
                if name.partition(":")[0] not in self.readings.failed
            }

    def _layers(self) -> tuple[Block, ...]:
        return self.problem.layers or self.problem.blocks

    def _gradients(self, training: Training, g: Array) -> dict[str, Array]:
        """The Euclidean norm of the gradient by layer, (R,) each; an external solver shows none."""
        if training.rule.solver:
            return {}
        rows = _rows(g, self.on)
        return {layer.name: norm(rows[:, layer.slice])[:, 0] for layer in self._layers()}

    def _updates(self, w: Array) -> dict[str, Array]:
        """The length of the step by that of the parameters, by layer, (R,) each: |w_t - w_{t-1}| / |w_t|."""
        step = w - self.trail[-1]
        return {layer.name: (norm(step[:, layer.slice]) / norm(w[:, layer.slice]))[:, 0] for layer in self._layers()}

    def _cosine(self, w: Array) -> dict[str, Array]:
        """The cosine between this step and the one before it, (R,); none of the first step."""
        if len(self.trail) < 2:
            return {}
        step, before = w - self.trail[-1], self.trail[-1] - self.trail[-2]
        return {"": (dot(step, before) / (norm(step) * norm(before)))[:, 0]}

    def _rate(self, training: Training) -> dict[str, Array]:
        """The learning rate of the step, (R,), if the rule has one: 2 / rate is what sharpness is compared with."""
        if "lr" not in training.hyper:
            return {}
        lr = np.broadcast_to(training.hyper["lr"], (len(self.on), 1))[self.on, 0].astype(float)
        return {"": lr * training.schedule(training.t, training.cohort.steps)}

    def _saturation(self, w: Array) -> dict[str, Array]:
        """The share of saturated units by hidden layer, (R,) each."""
        if self.problem.saturation is None:
            return {}
        shares = self.problem.saturation(w, self.problem.train[0][None])
        return {name: np.broadcast_to(np.asarray(share, float), len(w)) for name, share in shares.items()}


def affordable(cohort: Cohort, problem: Problem, steps: set[int]) -> tuple[dict[str, set[int]], float]:
    """After which of ``steps`` to measure saturation and sharpness, and the share of the cost that this has.

    As often as SHARE allows, which may be never in a short run; sharpness first, for it can be had least often.
    """
    examples = max(problem.examples, 1)
    training = cohort.steps * max(cohort.batch, 1)
    products = min(PRODUCTS, problem.size)
    costs = {
        "sharpness": (products + (problem.hessian_product is None)) * examples if problem.smooth else inf,
        "saturation": examples / 3 if problem.saturation else inf,
    }
    most, spent, chosen = {"sharpness": MOST, "saturation": len(steps)}, 0.0, {}
    for name, cost in costs.items():
        chosen[name] = _evenly(sorted(steps), min(most[name], int((SHARE * training - spent) / cost)))
        spent += len(chosen[name]) * cost if chosen[name] else 0
    return chosen, spent / (spent + training)


def _evenly(steps: list[int], count: int) -> set[int]:
    """So many of these, evenly spaced in the list, the last one among them."""
    if count < 1:
        return set()
    return {steps[round(place)] for place in np.linspace(len(steps) - 1, 0, min(count, len(steps)))}


def with_fixed_noise(problem: Problem) -> Problem:
    """Training examples with one fixed draw of the problem's noise: gradients that are compared see the same masks."""
    if problem.draws is None:
        return problem
    noise = problem.draws(np.random.default_rng(0), problem.examples)
    return replace(problem, train=(*problem.train, *(np.asarray(array, float) for array in noise)), draws=None)


def _with_differences(problem: Problem, w: Array) -> Problem:
    """With Hessian products at w by forward differences: one gradient each, where central ones take two."""
    if problem.hessian_product is not None:
        return problem
    g = gradient(problem, w)

    def hessian_product(_: Array, v: Array, *batch: Array) -> Array:
        h = np.sqrt(np.finfo(float).eps) * (1 + norm(w)) / np.where(norm(v) > 0, norm(v), 1)
        return (problem.value_grad(w + h * v, *batch)[1] - g) / h

    return replace(problem, hessian_product=hessian_product)


def _rows(array: Array, on: Array) -> Array:
    """These runs in float64, one after the other in memory."""
    return np.array(array[on], float, order="C")
