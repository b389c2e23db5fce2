"""What every rule must satisfy, whatever it computes: each check returns how far off a rule is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from math import inf

import numpy as np

from optibench.errors import RuleError, SettingError
from optibench.plugin.optimizer import RANGES, Optimizer
from optibench.plugin.problem import Problem, blocks_of
from optibench.plugin.types import AnyFunction, Array
from optibench.verify.follow import Walk, follow

STEPS = 12
#: Over so many steps a rule's evaluations are counted: one that looks at curvature every tenth declares 1.1.
MANY = 100
#: What a rule may call, and pays for.
PAID = {"grad", "value", "hessian_product"}
RATES = (0.5, 0.01, 0.1, 0.002, 0.03)
BLOCKS = blocks_of(matrix=(3, 3), bias=(3,))


def bowl(factor: float = 1.0) -> Problem:
    """factor * sum log cosh w over a matrix and a bias: every coordinate by itself, its minimum 0 at 0."""

    def value_grad(w: Array) -> tuple[Array, Array]:
        scale = w.dtype.type(factor)
        return scale * np.log(np.cosh(w)).sum(axis=-1), scale * np.tanh(w)

    return Problem(
        "bowl",
        lambda rng: np.zeros(12),
        value_grad,
        hessian_product=lambda w, v: w.dtype.type(factor) * (1 - np.tanh(w) ** 2) * v,
        blocks=BLOCKS,
        minimum=0.0,
    )


def flat(w: Array) -> tuple[Array, Array]:
    """A constant: no gradient anywhere."""
    return np.ones(len(w), w.dtype), np.zeros_like(w)


FLAT = Problem("flat", lambda rng: np.zeros(12), flat, hessian_product=lambda w, v: 0 * v, blocks=BLOCKS, minimum=1.0)


def starts(runs: int = 5) -> Array:
    return np.random.default_rng(1).standard_normal((runs, 12))


def noise(t: int) -> Array:
    return np.random.default_rng(t).standard_normal(12)


def settings(rule: Optimizer, rate: float | None = None, **more: float) -> dict[str, float]:
    wanted = more if rate is None else {"lr": rate, **more}
    return {name: value for name, value in wanted.items() if name in rule.hyperparameters}


def walk(rule: Optimizer, dtype: str = "float64", at: Array | None = None, problem: Problem | None = None) -> Walk:
    """Five runs at five rates, with given noise."""
    at = starts() if at is None else at
    runs = [settings(rule, rate) for rate in RATES[: len(at)]]
    return follow(rule, problem or bowl(), at, runs, STEPS, dtype, normal=noise)


def apart(first: Array, second: Array) -> float:
    """0 if the bits are the same, nan where nan is; else the largest difference, relative to max(1, |second|)."""
    if np.array_equal(first, second, equal_nan=True):
        return 0.0
    off: Array = np.nan_to_num(np.abs(first - second) / np.maximum(1, np.abs(second)), nan=inf)
    return float(off.max())


def worst(first: list[list[Array]], second: list[list[Array]]) -> float:
    pairs = (pair for arrays in zip(first, second, strict=True) for pair in zip(*arrays, strict=True))
    return max(apart(a, b) for a, b in pairs)


def deterministic(rule: Optimizer) -> float:
    """The same call gives the same bits."""
    return worst(walk(rule).states, walk(rule).states)


def alone_as_in_a_cohort(rule: Optimizer) -> float:
    """A run has the same bits alone and among others at other rates, in both precisions."""
    off = 0.0
    for dtype in ("float32", "float64"):
        together = walk(rule, dtype).states
        for run, rate in enumerate(RATES):
            row = slice(run, run + 1)
            alone = follow(rule, bowl(), starts()[row], [settings(rule, rate)], STEPS, dtype, normal=noise).states
            off = max(off, worst([[array[row] for array in states] for states in together], alone))
    return off


def inputs_are_kept(rule: Optimizer) -> float:
    """A rule changes no input: w, its state and the hyperparameters are as they were."""
    seen: list[tuple[Array, Array]] = []
    problem = bowl()

    def value_grad(w: Array) -> tuple[Array, Array]:
        loss, g = problem.value_grad(w)
        seen.extend([(w, w.copy()), (g, g.copy())])
        return loss, g

    states = walk(rule, problem=replace(problem, value_grad=value_grad)).states
    return max(apart(array, copy) for array, copy in seen) + worst(states, walk(rule).states)


def dtype_is_kept(rule: Optimizer) -> float:
    """float32 stays float32 in w and in every state; the loop refuses anything else."""
    kinds = {array.dtype.str for states in walk(rule, "float32").states for array in states}
    return 0.0 if kinds == {"<f4"} else inf


def lr_0_stays(rule: Optimizer) -> float:
    """At lr = 0 no point moves."""
    points = follow(rule, bowl(), starts(), [settings(rule, 0.0)] * 5, STEPS, normal=noise).points
    return apart(points, np.repeat(points[:1], len(points), axis=0))


def resumes(rule: Optimizer) -> float:
    """Stopped after any step and continued from its state, a run goes on bit for bit."""
    whole, runs = walk(rule).states, [settings(rule, rate) for rate in RATES]
    half = STEPS // 2
    rest = follow(rule, bowl(), starts(), runs, STEPS, resume=(half, whole[half]), normal=noise).states
    return worst(rest, whole[half:])


def permutes(rule: Optimizer) -> float:
    """A rule of coordinates gives permuted coordinates the permuted path."""
    order = np.random.default_rng(0).permutation(12)
    return apart(walk(rule, at=starts()[:, order]).points, walk(rule).points[..., order])


def forgets_scale(rule: Optimizer) -> float:
    """At eps = 0 a loss ten times as large gives the same path."""
    runs = [settings(rule, rate, eps=0.0) for rate in RATES]
    paths = [follow(rule, bowl(factor), starts(), runs, STEPS, normal=noise).points for factor in (10.0, 1.0)]
    return apart(*paths)


def survives_no_gradient(rule: Optimizer) -> float:
    """Gradients of 0, everywhere or at the start, give finite numbers."""
    flat_walk, at_minimum = walk(rule, problem=FLAT), walk(rule, at=np.zeros((5, 12)))
    return 0.0 if all(np.isfinite(path.points).all() for path in (flat_walk, at_minimum)) else inf


def refuses_values_out_of_range(rule: Optimizer) -> float:
    """A hyperparameter below or above its range is refused, by its name."""
    for name in rule.hyperparameters:
        low, high = rule.ranges.get(name, RANGES.get(name, (-inf, inf)))
        for value in [low - 1] * (low > -inf) + [high] * (high < inf):
            try:
                rule.check(name, value)
            except SettingError as error:
                if error.setting == name:
                    continue
            return inf
    known = {*RANGES, *rule.ranges} & {*rule.hyperparameters}
    return 0.0 if "lr" not in rule.hyperparameters or "lr" in known else inf


def costs_what_it_declares(rule: Optimizer) -> float:
    """The evaluations that a rule declares per step are those that it asks for; a fraction, to the next whole one."""
    spent = follow(rule, bowl(), starts(), [settings(rule, rate) for rate in RATES], MANY, normal=noise).evaluations[-1]
    for counted in spent.tolist():
        if abs(counted - MANY * rule.evaluations) > (0 if rule.evaluations % 1 == 0 else 1):
            raise RuleError(
                f"'{rule.name}' declares evaluations={rule.evaluations:g} per step and asks for {counted / MANY:g}; "
                f"declare evaluations={counted / MANY:g}, or nan where it varies"
            )
    return 0.0


def every_step_is_counted(rule: Optimizer) -> float:
    """Counts never fall, and a step of a rule costs its gradient at least."""
    counted = np.diff(walk(rule).evaluations, axis=0)
    least = 0 if rule.solver else 1
    if counted.min() < least:
        raise RuleError(
            f"'{rule.name}' took a step that cost {counted.min()} evaluations; the gradient that it is given costs 1"
        )
    return 0.0


def unpaid_rows_are_nan(rule: Optimizer) -> float:
    """Whatever a rule asks for, the rows outside ``where`` are NaN, all with ``where=False``; and it uses none."""
    paths = [walk(_filled(rule, number)).points for number in (np.nan, 0.0, 1e3)]
    return max(apart(path, paths[0]) for path in paths)


def _filled(rule: Optimizer, number: float) -> Optimizer:
    """The rule with ``number`` in all that it did not pay for, which must be NaN."""

    def asking(function: AnyFunction) -> AnyFunction:
        def ask(*arguments: Array, **keywords: Array) -> Array:
            call = inspect.signature(function).bind(*arguments, **keywords)
            where, found = call.arguments.pop("where", True), function(*arguments, **keywords)
            paid = np.broadcast_to(np.reshape(True if where is None else where, -1).astype(bool), len(found))
            free = function(*call.args, where=False)
            if not (np.isnan(free).all() and np.isnan(found[~paid]).all()):
                raise RuleError(f"'{rule.name}' got numbers that no run pays for; rows outside where must be NaN")
            return np.where(paid[:, None], found, found.dtype.type(number))

        return ask

    def filled(*arguments: Array | AnyFunction, **keywords: object) -> Array | tuple[Array, ...]:
        pairs = zip(rule.arguments, arguments, strict=True)
        return rule(
            *(asking(given) if name in PAID and callable(given) else given for name, given in pairs), **keywords
        )

    return replace(rule, rule=filled)


#: name -> check, whom it concerns, how far off it may be.
CONTRACT: dict[str, tuple[Callable[[Optimizer], float], Callable[[Optimizer], bool], float]] = {
    "deterministic": (deterministic, lambda rule: True, 0),
    "alone as in a cohort": (alone_as_in_a_cohort, lambda rule: True, 0),
    "inputs are kept": (inputs_are_kept, lambda rule: not rule.solver, 0),
    "dtype is kept": (dtype_is_kept, lambda rule: True, 0),
    "lr = 0 stays": (lr_0_stays, lambda rule: "lr" in rule.hyperparameters, 1e-12),
    "resumes": (resumes, lambda rule: not rule.solver, 0),
    "permutes": (permutes, lambda rule: rule.is_coordinatewise, 1e-12),
    "forgets scale": (forgets_scale, lambda rule: rule.scale_free, 1e-8),
    "survives no gradient": (survives_no_gradient, lambda rule: True, 0),
    "costs what it declares": (costs_what_it_declares, lambda rule: rule.evaluations == rule.evaluations, 0),
    "every step is counted": (every_step_is_counted, lambda rule: True, 0),
    "unpaid rows are NaN": (unpaid_rows_are_nan, lambda rule: bool(PAID & {*rule.arguments}), 0),
    "refuses values out of range": (refuses_values_out_of_range, lambda rule: True, 0),
}
