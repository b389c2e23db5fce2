"""The formula of a rule against the rule: the traced graph, computed in NumPy, gives the same numbers at every step.

A rule takes STEPS steps at SETTINGS random settings of its hyperparameters. Each step is recorded, and the formula
computes it from the same numbers, so rounding does not grow from step to step.

The two round differently: a formula writes out products that BLAS fuses, and JavaScript has its own ``pow``. What that
changes depends on the rule: where nearly equal numbers are subtracted, the last bits of what went in are the first of
what comes out. A step that is off by more than TOLERANCE is therefore computed ROUNDINGS times more, with each product
and each library function moved up or down by one unit in the last place, at random (Monte Carlo arithmetic: Parker and
Langley 1997). Its deviation is then relative to the number whose last place moves as far, if that is larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optibench.experiment.protocol import between
from optibench.plugin.optimizer import RANGES, Optimizer, as_tuple
from optibench.plugin.problem import Problem, blocks_of
from optibench.plugin.types import AnyFunction, Array, Facts
from optibench.tracing import Traced, evaluate
from optibench.tracing.evaluate import Given
from optibench.tracing.graph import OPERATIONS, Formula
from optibench.verify.follow import follow

STEPS, SETTINGS, TOLERANCE = 60, 8, 1e-12
ROUNDINGS = 8
ULP = np.finfo(float).eps
Operations = Mapping[str, AnyFunction]
#: Operations that IEEE 754 fixes to the last bit, wherever they are computed; a product may be fused with a sum.
EXACT = {
    *("add", "subtract", "divide", "negative", "reciprocal", "sqrt", "absolute", "sign", "maximum", "minimum"),
    *("remainder", "floor_divide", "floor", "ceil", "trunc", "where", "greater", "greater_equal", "less"),
    *("less_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not", "isnan", "isfinite", "isinf"),
}


def _valley(w: Array) -> tuple[Array, Array]:
    """log cosh(x + y) + 2 log cosh(y): smooth, with bounded gradients, and neither quadratic nor separable."""
    a = np.stack([w[:, 0] + w[:, 1], w[:, 1]], axis=1)
    size = np.array([1.0, 2.0])
    loss = size * (np.abs(a) + np.log1p(np.exp(-2 * np.abs(a))) - np.log(2))
    slope = size * np.tanh(a)
    return loss.sum(axis=1), np.stack([slope[:, 0], slope.sum(axis=1)], axis=1)


def _curved(w: Array, v: Array) -> Array:
    a = np.stack([w[:, 0] + w[:, 1], w[:, 1]], axis=1)
    bend = np.array([1.0, 2.0]) * (1 - np.tanh(a) ** 2) * np.stack([v[:, 0] + v[:, 1], v[:, 1]], axis=1)
    return np.stack([bend[:, 0], bend.sum(axis=1)], axis=1)


VALLEY = Problem(
    "valley", lambda rng: np.zeros(2), _valley, hessian_product=_curved, blocks=blocks_of(w=(2,)), minimum=0.0
)


@dataclass(frozen=True)
class Step:
    """One step of a rule: the arguments of its formula, its noise, and the new w and state that it returned, flat."""

    given: Mapping[str, Given]
    noise: Array
    returned: Array

    def env(self) -> dict[str, AnyFunction]:
        """The functions that its formula may call, on flat arrays; they have the interface of the page's."""

        def row(values: Sequence[float]) -> Array:
            return np.array([values], float)

        return {
            "grad": lambda w: _valley(row(w))[1][0],
            "value": lambda w: _valley(row(w))[0],
            "hessian_product": lambda w, v: _curved(row(w), row(v))[0],
            "normal": lambda: self.noise,
        }


@dataclass(frozen=True)
class Path:
    """The steps of a rule at one setting, its initial state, and the point that is judged after each step."""

    hyperparameters: Mapping[str, float]
    w: Array  # (2,), where it started
    state: Array
    steps: Sequence[Step]
    points: Array  # (steps, 2)


def drawn(rule: Optimizer, fixed: Mapping[str, float], count: int = SETTINGS) -> list[dict[str, float]]:
    """Random settings: from the search space, else around the default; ``fixed`` as they are."""
    rng = np.random.default_rng(0)

    def value(name: str, default: float) -> float:
        share = float(rng.random())
        if name in rule.space:
            return between(*rule.space[name], share)
        low, high = rule.ranges.get(name, RANGES.get(name, (-np.inf, np.inf)))
        moved = default * 10 ** (share - 0.5) if default else 0.1 * share
        if default > 1 and default == int(default):
            moved = float(round(moved))  # a number of steps or pairs, as `k` of lookahead
        return moved if low <= moved < high else default

    return [
        {name: fixed.get(name, value(name, default)) for name, default in rule.hyperparameters.items()}
        for _ in range(count)
    ]


def path(rule: Optimizer, hyperparameters: Mapping[str, float], seed: int = 0, steps: int = STEPS) -> Path:
    """Follow one run from a random start, and record its steps."""
    rng = np.random.default_rng(seed)
    start, noise = 2 * rng.standard_normal((1, 2)), rng.standard_normal((steps + 1, 2))
    recorded: list[Step] = []

    def recording(*arguments: Array, **keywords: Array) -> Array | tuple[Array, ...]:
        returned = rule(*arguments, **keywords)
        table: Facts = dict(zip(rule.arguments, arguments, strict=True))
        given: Facts = {
            **{name: _flat(table[name]) for name in ("w", "g") if name in table},
            **{name: np.ravel(table[name])[0] for name in ("t", "loss", "f_min") if name in table},
            "s": _flat(*(table[name] for name in rule.state)),
            "h": {name: keywords[name].item() for name in rule.hyperparameters},
        }
        recorded.append(Step(given, noise[len(recorded) + 1], _flat(*as_tuple(returned))))
        return returned

    recorder = replace(rule, rule=recording)
    walk = follow(recorder, VALLEY, start, [hyperparameters], steps, normal=lambda t: noise[t])
    return Path(hyperparameters, start[0], _flat(*walk.states[0][1:]), recorded, walk.points[1:, 0])


def _flat(*arrays: Array) -> Array:
    return np.concatenate([np.zeros(0), *(np.ravel(array) for array in arrays)])


def nudged(rng: np.random.Generator) -> Operations:
    """The operations, each that is not exact off by one unit in the last place, up or down."""
    signs = iter(lambda: rng.choice((-ULP, ULP)), None)

    def off(operation: AnyFunction) -> AnyFunction:
        return lambda *numbers: operation(*numbers) * (1 + next(signs))

    return {name: operation if name in EXACT else off(operation) for name, operation in OPERATIONS.items()}


def relative(found: Array, expected: Array, scale: Array) -> float:
    """The largest deviation relative to ``scale``: 0 where both are the same or not finite, inf where one is finite."""
    with np.errstate(all="ignore"):
        off = np.where(found == expected, 0.0, np.abs(found - expected) / scale)
    finite = np.isfinite(expected)
    off = np.where(finite == np.isfinite(found), np.where(finite, off, 0.0), np.inf)
    return float(np.max(off, initial=0.0))


def deviation(found: Array, expected: Array, sensitivity: Callable[[], Array]) -> float:
    """How far computed numbers are off; ``sensitivity`` says how far rounding moves them, asked where they are far."""
    off = relative(found, expected, np.abs(expected))
    if off <= TOLERANCE:
        return off
    with np.errstate(all="ignore"):
        return relative(found, expected, np.fmax(np.abs(expected), sensitivity() / ULP))


def computed(
    formula: Formula, given: Mapping[str, Given], step: Step | None = None, operations: Operations = OPERATIONS
) -> Array:
    """The values of a formula, with the functions of a step."""
    return evaluate(formula, given, step.env() if step else None, operations)


def moved(formula: Formula, given: Mapping[str, Given], step: Step | None = None) -> Array:
    """How far the values of a formula are moved by ROUNDINGS other roundings, at most."""
    exact, rng = computed(formula, given, step), np.random.default_rng(1)
    others = (computed(formula, given, step, nudged(rng)) for _ in range(ROUNDINGS))
    with np.errstate(all="ignore"):
        farthest: Array = np.fmax.reduce([np.abs(other - exact) for other in others])
    return farthest


def formula_deviation(rule: Optimizer, traced: Traced, count: int = SETTINGS, steps: int = STEPS) -> float:
    """How far the formulas of a rule are off, over all settings, steps and numbers."""

    def off(name: str, given: Mapping[str, Given], expected: Array, step: Step | None = None) -> float:
        formula = traced.formulas[name]
        return deviation(computed(formula, given, step), expected, lambda: moved(formula, given, step))

    worst = 0.0
    for seed, hyperparameters in enumerate(drawn(rule, traced.fixed, count)):
        run = path(rule, hyperparameters, seed, steps)
        worst = max(worst, off("start", {"w": run.w, "h": hyperparameters}, run.state))
        for step, point in zip(run.steps, run.points, strict=True):
            worst = max(worst, off("step", step.given, step.returned, step))
            if "solution" in traced.formulas:
                given: Facts = {"w": step.returned[:2], "s": step.returned[2:], "h": hyperparameters}
                worst = max(worst, off("solution", given, point))
    return worst


def formula(rule: Optimizer, traced: Traced) -> Iterator[tuple[str, float, float]]:
    """(what was compared, largest deviation, tolerance)."""
    constants = "".join(f", {name} = {value:g}" for name, value in traced.fixed.items())
    yield f"{SETTINGS} random settings, {STEPS} steps{constants}", formula_deviation(rule, traced), TOLERANCE
