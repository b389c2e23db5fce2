"""Follow a rule through the training loop's own steps, outside any experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optibench.engine.external import begin
from optibench.engine.records import alone
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Walk:
    """``points`` (steps + 1, R, P), where the runs are judged; ``states``, [w, *state], from the start to the end."""

    points: Array
    states: list[list[Array]]
    evaluations: Array  # (steps + 1, R): of gradient, loss and Hessian product so far


def follow(
    rule: Optimizer,
    problem: Problem,
    starts: Array,
    runs: Sequence[Mapping[str, Any]],
    steps: int,
    dtype: str = "float64",
    resume: tuple[int, list[Array]] | None = None,
    normal: Callable[[int], Array] | None = None,
    forced: Array | None = None,
    **facts: Any,
) -> Walk:
    """``steps`` steps from ``starts`` (R, P) with the hyperparameters of ``runs``, options taken from the first.

    ``resume``: the step t that was done, and [w, *state] after it. ``normal``: step -> the noise (P,) that a rule gets.
    ``forced`` (steps + 1, P): every step begins at this point, where the one before was to end; the state carries on.
    """
    first = dict(runs[0]) if runs else {}
    options = {name: first.get(name, default) for name, default in rule.options.items()}
    with np.errstate(all="ignore"):
        cohort = alone(rule, runs, steps, dtype, options=options, **facts)
        training = begin(cohort, problem.astype(dtype), rule, lambda t, total: 1.0, starts)
        if resume is not None:
            training.t, (training.w, *state) = resume[0], resume[1]
            training.supply.update(zip(rule.state, state, strict=True))

        def now() -> list[Array]:
            return [training.w, *(training.supply[name] for name in rule.state)]

        def spent() -> Array:
            counts: Array = np.sum([*training.counts.values()], axis=0)
            return counts

        points, states, evaluations = [training.solution], [now()], [spent()]
        for _ in range(training.t, steps):
            if forced is not None:
                training.w = np.repeat(forced[training.t][None].astype(dtype), len(starts), axis=0)
                training.w.flags.writeable = False
            if normal is not None:
                noise = np.repeat(normal(training.t + 1)[None].astype(dtype), len(starts), axis=0)
                training.supply["normal"] = lambda noise=noise: noise
            loss, g, _ = training.evaluate()
            training.step(loss, g)
            points.append(training.solution)
            states.append(now())
            evaluations.append(spent())
    return Walk(np.array(points), states, np.array(evaluations))


def deviation(found: Array, expected: Array) -> Array:
    """At each step, how far a path (steps + 1, n) is off: |x - x_ref| / max(1, |x_ref|), in the largest coordinate."""
    scale = np.maximum(1, np.abs(expected).max(axis=-1))
    return np.where(np.isfinite(found).all(axis=-1), np.abs(found - expected).max(axis=-1) / scale, np.inf)
