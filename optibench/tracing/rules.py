"""Rules and problems as formulas: each is run once on symbols, unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from optibench.errors import UnknownName, reason
from optibench.plugin.optimizer import Optimizer, as_tuple
from optibench.plugin.problem import Problem, blocks_of
from optibench.plugin.types import Array, Facts, Option
from optibench.tracing.graph import Formula, Node, Untraceable, call, const, draw, explore, given, inputs
from optibench.tracing.javascript import javascript
from optibench.tracing.symbols import Symbols, kept, nodes, shaped, symbols

STEP = ("w", "g", "t", "s", "h", "loss", "f_min", "env")


@dataclass(frozen=True, eq=False)
class Traced:
    """A rule or a problem as formulas of one run.

    A rule has ``start(w, h)`` -> the flat state, ``step(w, g, t, s, h, loss, f_min, env)`` -> the new w, then the new
    flat state, and, if it is judged elsewhere than at w, ``solution(w, s, h)``. A problem has ``value_grad(w)`` -> the
    loss, then the gradient. w, g and s are flat; h holds the hyperparameters by name, with lr already scaled by the
    schedule; env has the functions grad(w), value(w) -> [loss], hessian_product(w, v) and normal().
    """

    formulas: Mapping[str, Formula]
    #: Hyperparameters that decide shapes or a number of repetitions: constants of the formulas, with their values.
    fixed: Mapping[str, float] = field(default_factory=dict)
    #: The shape of each state, without the axis of runs, in the order of s.
    state: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @cached_property
    def script(self) -> str:
        """The formulas as functions in JavaScript, but for ``solution``; they need `javascript.PRELUDE`."""
        return "\n".join(javascript(formula) for name, formula in self.formulas.items() if name != "solution")

    @cached_property
    def solution(self) -> str | None:
        """``function solution(w, s, h)``, the point that is judged; None where it is w."""
        return javascript(self.formulas["solution"]) if "solution" in self.formulas else None


def trace_rule(
    optimizer: Optimizer,
    options: Mapping[str, Option] | None = None,
    width: int = 2,
    fixed: Mapping[str, float] | None = None,
) -> Traced:
    """The formulas of a rule with ``width`` parameters, one block of them, at these options.

    ``fixed``: hyperparameters that are constants of the formulas. Those that decide a shape are fixed at their default.
    Raises Untraceable, with the reason, where the rule has no formula.
    """
    if optimizer.solver:
        raise Untraceable("an external solver takes its own steps and has no formula")
    for kind, names, known in (
        ("option", options, optimizer.options),
        ("hyperparameter", fixed, optimizer.hyperparameters),
    ):
        for name in names or ():
            if name not in known:
                raise UnknownName(f"{kind} of optimizer '{optimizer.name}'", name, known)
    fixed = dict(fixed or {})
    while True:
        try:
            return _rule(optimizer, {**optimizer.options, **(options or {})}, width, fixed)
        except Untraceable as error:
            # A hyperparameter whose value lays out the formula becomes a constant, and the rule is run again.
            asked = inputs(error.nodes)
            decisive = [str(node.args[1]) for node in asked if node.args[0] == "h"]
            if not decisive or len(decisive) < len(asked):
                raise
            fixed |= {name: optimizer.hyperparameters[name] for name in decisive}


def trace_problem(problem: Problem) -> Traced:
    """The formula of a problem of two parameters without data: its loss and gradient. Raises Untraceable."""
    if problem.train or problem.size != 2:
        what = "data" if problem.train else f"{problem.size} parameters"
        raise Untraceable(f"it has {what}; formulas are of problems with two parameters and no data")

    def value_grad() -> list[Node]:
        loss, g = problem.value_grad(_array("w", (1, 2)))
        return [*nodes(loss), *nodes(g)]

    return Traced({"value_grad": explored("value_grad", ("w",), value_grad)})


def explored(name: str, arguments: tuple[str, ...], function: Callable[[], Iterable[Node]]) -> Formula:
    """`explore`, with every failure of the function as Untraceable: on symbols, what is wrong is that it has none."""
    with kept():
        try:
            return explore(name, arguments, function)
        except Untraceable:
            raise
        except Exception as error:
            raise Untraceable(reason(error)) from error


def _array(name: str, shape: tuple[int, ...], begin: int = 0) -> Symbols:
    """The items of a flat argument from ``begin`` on, as an array."""
    return shaped([given(name, begin + i) for i in range(int(np.prod(shape)))], shape)


@dataclass(frozen=True, eq=False)
class Symbolic:
    """A rule and symbols for all that it is supplied with: one run, one block of ``width`` parameters."""

    optimizer: Optimizer
    options: Mapping[str, Option]
    width: int
    fixed: Mapping[str, float]
    #: The shape of each state, without the axis of runs; known once `start` has run.
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def start(self) -> list[Node]:
        """The flat state before the first step."""
        rule, w = self.optimizer, _array("w", (1, self.width))
        initial = rule.initial_state(w, blocks=blocks_of(w=(self.width,)), **self._hyperparameters(), **self.options)
        self.shapes.update({name: array.shape[1:] for name, array in zip(rule.state, initial, strict=True)})
        return [node for array in initial for node in nodes(array)]

    def step(self) -> list[Node]:
        """The new w, then the new flat state."""
        rule, before = self.optimizer, [_array("w", (1, self.width)), *self._state()]
        names = ("w", *rule.state)
        supply = _supply(self.width) | {"blocks": blocks_of(w=(self.width,))} | dict(zip(names, before, strict=True))
        arguments = (supply[name] for name in rule.arguments)
        after = as_tuple(rule.rule(*arguments, **self._hyperparameters(), **self.options))
        if len(after) != len(before):
            raise Untraceable(f"it returned {len(after)} values; its signature declares {len(before)}")
        for name, new, old in zip(names, after, before, strict=True):
            if np.shape(new) != old.shape:
                raise Untraceable(f"it returned {name} with shape {np.shape(new)}; it must be {old.shape}")
        return [node for array in after for node in nodes(array)]

    def solution(self) -> Sequence[Node]:
        assert self.optimizer.solution is not None
        return nodes(self.optimizer.solution(_array("w", (1, self.width)), *self._state()))

    def _hyperparameters(self) -> Facts:
        return {
            name: symbols([[const(self.fixed[name]) if name in self.fixed else given("h", name)]])
            for name in self.optimizer.hyperparameters
        }

    def _state(self) -> list[Symbols]:
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        begins = np.cumsum([0, *sizes])
        return [
            _array("s", (1, *shape), int(begin)) for shape, begin in zip(self.shapes.values(), begins, strict=False)
        ]


def _rule(optimizer: Optimizer, options: Mapping[str, Option], width: int, fixed: Mapping[str, float]) -> Traced:
    rule = Symbolic(optimizer, options, width, fixed)
    formulas = {"start": explored("start", ("w", "h"), rule.start), "step": explored("step", STEP, rule.step)}
    if optimizer.solution is not None:
        formulas["solution"] = explored("solution", ("w", "s", "h"), rule.solution)
    return Traced(formulas, fixed, rule.shapes)


def _supply(width: int) -> Facts:
    """What a rule may ask for by name, on symbols; see optibench.plugin.optimizer.SUPPLIED."""

    def outside(function: str, columns: int) -> Callable[..., Symbols]:
        def ask(*arrays: Array, where: object = None) -> Symbols:
            # A run outside ``where`` is not charged and gets NaN, so its formula does not call the function at all.
            if where is not None and not symbols(where).any():
                return symbols(np.full((1, columns), np.nan))
            return shaped(call(function, [nodes(array) for array in arrays], columns), (1, columns))

        return ask

    one = {name: symbols([[given(name)]]) for name in ("loss", "f_min")}
    evaluations = {"grad": width, "value": 1, "hessian_product": width}
    return {
        **one,
        "g": _array("g", (1, width)),
        "t": symbols(given("t")),
        "normal": lambda: shaped(draw(width), (1, width)),
        **{name: outside(name, columns) for name, columns in evaluations.items()},
    }
