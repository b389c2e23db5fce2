"""Any registered optimizer behind SciPy's interface: one run, in float64, with its trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeResult, approx_fprime

from optibench.engine.external import begin
from optibench.engine.gradients import ROWS, Transforms
from optibench.engine.records import alone
from optibench.errors import SettingError, nearest
from optibench.experiment.choices import OptimizerLike, ScheduleLike, one_choice, scheduled
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem, blocks_of
from optibench.plugin.registry import registry
from optibench.plugin.setting import Whole, shown
from optibench.plugin.types import AnyFunction, Array, Facts


def minimize(
    fun: AnyFunction,
    x0: ArrayLike,
    *,
    jac: AnyFunction | bool | None,
    method: OptimizerLike,
    maxiter: int,
    callback: Callable[[Array], object] | None,
    schedule: ScheduleLike,
    f_min: float | None,
    hyperparameters: Mapping[str, object],
) -> OptimizeResult:
    """See ``optibench.minimize``; ``hyperparameters`` hold the gradient transforms too."""
    rule, settings = _method(method)
    settings |= hyperparameters
    changes: Facts = {row.name: settings.pop(row.name) for row in ROWS if row.name in settings}
    for name in settings:
        if name not in {**rule.hyperparameters, **rule.options}:
            known = [*rule.hyperparameters, *rule.options]
            raise SettingError(f"optimizer '{rule.name}' has no hyperparameter '{name}'; {nearest(name, known)}")
    try:
        x = np.array(x0, dtype=float)
    except (TypeError, ValueError):
        raise SettingError(f"x0 = {shown(x0)}: must be numbers, (n,)") from None
    if x.ndim != 1 or not len(x):
        raise SettingError(f"x0 has shape {x.shape}; it must be (n,), n at least 1")
    maxiter = Whole(0).check("maxiter", maxiter)
    if f_min is None and "f_min" in rule.arguments:
        raise SettingError(f"method '{rule.name}' asks for the known minimum; give f_min=...")
    calls = Calls(fun, jac)
    problem = Problem(
        "fun",
        start=lambda rng: x,
        value_grad=calls.value_grad,
        value=calls.value,
        blocks=blocks_of(x=x.shape),
        minimum=None if f_min is None else _number("f_min", f_min),
    )
    numbers = {name: _number(name, settings.get(name, value)) for name, value in rule.hyperparameters.items()}
    for name in settings.keys() & numbers.keys():
        rule.check(name, numbers[name])
    options = {name: settings.get(name, value) for name, value in rule.options.items()}
    cohort = alone(
        rule,
        [numbers],
        maxiter,
        options=options,
        transforms=Transforms(**{name: value for name, value in changes.items() if value is not None}),
    )
    factor = scheduled(schedule, registry())
    if maxiter:
        factor(1, maxiter)  # a schedule that does not fit the budget is refused before the first step
    trace, status, message = [x], 0, f"all {maxiter} iterations were done"
    with np.errstate(all="ignore"):
        training = begin(cohort, problem, rule, factor)
        for _ in range(maxiter):
            loss, g, bounded = training.evaluate()
            if not bounded.all():
                status, message = 2, f"diverged: the loss was not finite after {training.t} iterations"
                break
            training.step(loss, g)
            trace.append(training.solution[0])
            try:
                if callback is not None:
                    callback(trace[-1].copy())
            except StopIteration:
                status, message = 99, "the callback raised StopIteration"
                break
    value, g = calls.value_grad(trace[-1][None])
    return OptimizeResult(
        x=trace[-1].copy(),
        fun=float(value[0]),
        jac=g[0],
        success=bool(np.isfinite(value[0])) and status != 2,
        status=status,
        message=message,
        nit=len(trace) - 1,
        nfev=calls.nfev,
        njev=calls.njev,
        trace=np.array(trace),
    )


def _method(method: OptimizerLike) -> tuple[Optimizer, Facts]:
    """The optimizer, and the settings that its name carries."""
    if isinstance(method, Optimizer):
        return method, {}
    name, settings = one_choice("optimizer", method, registry())
    return registry().get("optimizer", name), dict(settings)


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # raises on what is not a number
    except (TypeError, ValueError):
        raise SettingError(f"{name} = {shown(value)}: must be a number") from None


class Calls:
    """SciPy's ``fun`` and ``jac`` as value and gradient of one run (1, n), counted."""

    def __init__(self, fun: AnyFunction, jac: AnyFunction | bool | None) -> None:
        if not (jac is None or jac is True or callable(jac)):
            raise SettingError(f"jac = {shown(jac)}: must be a function, True (fun returns both) or None")
        self.fun, self.jac, self.nfev, self.njev = fun, jac, 0, 0

    def value(self, w: Array) -> Array:
        returned = self._call(w[0].copy())
        return np.array([returned[0] if self.jac is True else returned], dtype=float).reshape(1)

    def value_grad(self, w: Array) -> tuple[Array, Array]:
        x = w[0].copy()
        value = self._call(x.copy())
        self.njev += 1
        if self.jac is True:
            value, g = value
        elif self.jac is None:
            g = approx_fprime(x, self._number)
        else:
            g = self.jac(x.copy())
        g = np.array(g, dtype=float)
        if g.shape != x.shape:
            raise SettingError(f"jac returned shape {g.shape} for x of shape {x.shape}; they must be the same")
        return np.array([value], dtype=float).reshape(1), g[None]

    def _call(self, x: Array) -> Any:
        self.nfev += 1
        return self.fun(x)

    def _number(self, x: Array) -> float:
        return float(np.reshape(self._call(x), ()))
