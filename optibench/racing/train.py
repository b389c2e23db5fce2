"""Every step of one optimizer on a problem of two parameters, by the engine's own training, at one or several rates.

Shapes: points (T + 1, R, 2), a column for each of R learning rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import nan

import numpy as np

from optibench.engine.external import begin
from optibench.engine.loop import GROWTH
from optibench.engine.records import alone
from optibench.engine.state import LARGEST, Training, rows
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array
from optibench.racing.paths import Racer

#: The learning rates that are tried, three a decade.
RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-6, 100, 25))
#: Final losses that differ by less than this share of the loss at the start are equal: the faster run is better.
EQUAL = 1e-12
#: The losses of a path are computed on as many points at a time.
SLICE = 256


def train(
    problem: Problem,
    rule: Optimizer,
    name: str,
    settings: Mapping[str, object],
    rates: Sequence[float],
    steps: int,
    seed: int,
    start: Array,
    chosen: str = "",
) -> Racer:
    """Run a rule in float64 at each of ``rates``, none where it has no learning rate, and keep the best.

    ``chosen`` is how the rates were. Raises what the rule raises.
    """
    numbers = {key: float(settings.get(key, value)) for key, value in rule.hyperparameters.items()}  # type: ignore[arg-type]  # all numbers
    options = {key: settings.get(key, value) for key, value in rule.options.items()}
    cohort = alone(rule, [{**numbers, "lr": rate} for rate in rates] or [numbers], steps, options=options)
    runs = tuple(replace(run, seed=seed) for run in cohort.runs)
    cohort = replace(cohort, runs=runs, batch=problem.examples)  # all examples: the exact gradient
    with np.errstate(all="ignore"):  # overflow is what divergence looks like
        starts = np.tile(start, (len(runs), 1))
        training = begin(cohort, problem.astype("float64"), rule, lambda t, total: 1.0, starts)
        points, diverged_at, evaluations = follow(training, steps)
        best = _best(problem, points, diverged_at)
        lost = bool(diverged_at[best] >= 0)
        path = points[: diverged_at[best] + 1 if lost else None, best].copy()
        lr = rates[best] if rates else nan
        return Racer(name, lr, chosen, path, losses(problem, path), int(evaluations[best]), lost)


def _best(problem: Problem, points: Array, diverged_at: Array) -> int:
    """The run with the lowest final loss, of equal ones the first to reach it; if all diverged, the last to do so."""
    if (diverged_at >= 0).all():
        return int(diverged_at.argmax())
    final = np.where(diverged_at < 0, losses(problem, points[-1]), np.inf)
    goal = final.min() + EQUAL * np.abs(losses(problem, points[0, :1]))
    equal = np.flatnonzero(final <= goal)
    if len(equal) == 1:
        return int(equal[0])
    return int(equal[np.argmin([np.argmax(losses(problem, points[:, run]) <= goal) for run in equal])])


def follow(training: Training, steps: int) -> tuple[Array, Array, Array]:
    """Train to the end: points (T + 1, R, 2), the step after which each run diverged (R,) or -1, and its evaluations.

    A run diverges as in ``engine.loop``: its loss is not finite, or GROWTH times that at the start.
    """
    runs = len(training.alive)
    points = np.full((steps + 1, runs, 2), nan)
    diverged_at, evaluations = np.full(runs, -1), np.zeros(runs, int)
    points[0] = training.solution
    initial = np.abs(losses(training.problem, points[0]))
    training.scale = np.where((initial > 0) & np.isfinite(initial), GROWTH * initial, LARGEST)
    scale = training.scale
    while len(training.alive) and training.t < steps:
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            diverged_at[training.alive[~bounded]] = training.t
            training.keep(bounded)
            loss, g = loss[bounded], rows(g, bounded)
            if not len(training.alive):
                break
        training.step(loss, g)
        points[training.t, training.alive] = training.solution
        evaluations[training.alive] = np.sum([*training.counts.values()], axis=0)
    bounded = np.abs(losses(training.problem, points[steps])) <= scale
    diverged_at[(diverged_at < 0) & ~bounded] = steps
    return points, diverged_at, evaluations


def losses(problem: Problem, points: Array) -> Array:
    """The loss on all examples at points (N, 2): (N,)."""
    batch = tuple(array[None] for array in problem.train)
    parts = [problem.loss(points[begin : begin + SLICE], *batch) for begin in range(0, len(points), SLICE)]
    return np.concatenate(parts)
