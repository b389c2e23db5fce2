"""Worked numbers: the first steps of a rule at f = (x^2 + 10 y^2) / 2 from (1, 1), by the rule itself in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from optibench.errors import RuleError, SettingError, reason
from optibench.plugin.optimizer import Optimizer, as_tuple
from optibench.plugin.problem import blocks_of
from optibench.plugin.types import Array, Facts
from optibench.tracing.assignments import Assigned, followed
from optibench.tracing.shell import shell_text

#: The curvature along x and y, and where a run starts.
CURVATURE, START = np.array([1.0, 10.0]), np.array([[1.0, 1.0]])
#: The steps that are shown, and the rate at which each rule takes them.
STEPS, RATE = (1, 2, 3, 10, 100), 0.1


@dataclass(frozen=True)
class Row:
    """The numbers of one name at each step, flat; None at a step that did not assign it.

    ``when``: ``before`` the step (w and g), ``line``, after the line that assigns it last, or ``after`` the step (step,
    the change of w; w; and f, the loss there).
    """

    name: str
    when: str
    values: tuple[tuple[float, ...] | None, ...]


@dataclass(frozen=True)
class Worked:
    """Rows of numbers, a value for each of ``steps``; ``text`` are the lines of a Python shell that give them.

    After the lines ran, the names of the rows have the values of the last step.
    """

    steps: tuple[int, ...]
    settings: Mapping[str, float]
    rows: tuple[Row, ...]
    text: str


def worked(optimizer: Optimizer, steps: Sequence[int] = STEPS, lr: float | None = RATE) -> Worked:
    """The numbers of a rule at these steps, at its defaults but for ``lr``; None is its own.

    Raises SettingError where there are no such numbers, RuleError where the rule fails.
    """
    steps = tuple(steps)
    if optimizer.solver:
        raise SettingError(f"optimizer '{optimizer.name}' is an external solver without a rule; choose a rule")
    if not steps or any(not isinstance(t, int) or t < 1 for t in steps):
        raise SettingError(f"steps = {steps!r} must be whole numbers from 1", "steps")
    settings = dict(optimizer.hyperparameters)
    if lr is not None and "lr" in settings:
        settings["lr"] = lr
    table: dict[tuple[str, str], dict[int, tuple[float, ...]]] = {}
    with np.errstate(all="ignore"):
        _walk(optimizer, settings, steps, table)
    ordered = sorted(table, key=lambda row: ("before", "line", "after").index(row[1]))
    rows = tuple(Row(name, when, tuple(table[name, when].get(t) for t in steps)) for name, when in ordered)
    return Worked(steps, settings, rows, shell_text(optimizer, settings, steps))


def _walk(
    optimizer: Optimizer,
    settings: Mapping[str, float],
    steps: Sequence[int],
    table: dict[tuple[str, str], dict[int, tuple[float, ...]]],
) -> None:
    """Take the steps and enter the numbers of those that are shown."""
    columns = {name: np.array([[value]]) for name, value in settings.items()}
    supply = _supply()
    w = START
    state = optimizer.initial_state(w, blocks=supply["blocks"], **columns, **optimizer.options)
    for t in range(1, max(steps) + 1):
        g = w * CURVATURE
        for array in (w, g, *state):  # as in training, so that a rule that changes them in place is refused
            array.flags.writeable = False
        supply |= {"w": w, "g": g, "t": t, "loss": _loss(w), **dict(zip(optimizer.state, state, strict=True))}

        call = partial(_call, optimizer, {**supply, **columns})
        try:
            (new, *state), assigned = followed(optimizer, call) if t in steps else (call(), [])
        except Exception as error:
            raise RuleError(f"optimizer '{optimizer.name}' failed at step {t}: {reason(error)}") from error
        if t in steps:
            lines = {
                one.name: one.value for one in assigned if one.name not in ("", "w") and _is_own(one, supply, columns)
            }
            parts = {"before": {"w": w, "g": g}, "line": lines, "after": {"step": new - w, "w": new, "f": _loss(new)}}
            for when, arrays in parts.items():
                for name, array in arrays.items():
                    table.setdefault((name, when), {})[t] = tuple(np.ravel(array).astype(float).tolist())
        w = new


def _call(optimizer: Optimizer, table: Facts) -> tuple[Array, ...]:
    hyperparameters = {name: table[name] for name in optimizer.hyperparameters}
    arguments = (table[name] for name in optimizer.arguments)
    return as_tuple(optimizer.rule(*arguments, **hyperparameters, **optimizer.options))


def _is_own(one: Assigned, supply: Facts, columns: Mapping[str, Array]) -> bool:
    """Whether a value is not just an argument as the step was given it."""
    given = supply.get(one.name, columns.get(one.name))
    return one.how != "argument" or given is None or not np.array_equal(given, one.value, equal_nan=True)


def _loss(w: Array) -> Array:
    return (w**2 * CURVATURE).sum(axis=-1, keepdims=True) / 2


def _supply() -> Facts:
    """What a rule may ask for besides w, g, t and the loss; see optibench.plugin.optimizer.SUPPLIED."""
    noise = np.random.default_rng(0)
    return {
        "grad": lambda w, where=None: w * CURVATURE,
        "value": lambda w, where=None: _loss(w),
        "hessian_product": lambda w, v, where=None: v * CURVATURE,
        "normal": lambda: noise.standard_normal((1, 2)),
        "blocks": blocks_of(w=(2,)),
        "f_min": np.zeros((1, 1)),
    }
