"""An optimizer around another, ``sam+adam``: a wrapper is a rule that is handed the step of the optimizer inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Unpack, overload

from optibench.errors import PluginError
from optibench.plugin.functions import summary_of
from optibench.plugin.optimizer import SUPPLIED, Declared, Initial, Optimizer, as_tuple, check_facts, declared
from optibench.plugin.types import AnyFunction, Array, Facts, Option

#: What a wrapper may ask for besides what any rule may.
STEP = {"step": "step(w, g): the new w of the optimizer inside, from any point and gradient"}
#: Between the names of a wrapper and of the optimizer inside, which may be wrapped itself: ``sam+lookahead+adam``.
AROUND = "+"


def unwrapped(name: str) -> tuple[str, str] | None:
    """The names of the wrapper and of the optimizer inside; None where the name is not a wrapped optimizer's."""
    outer, plus, inner = name.partition(AROUND)
    return (outer, inner) if plus else None


@dataclass(frozen=True)
class Wrapper:
    """A function from an optimizer to an optimizer; its signature declares as an optimizer's does, see ``@optimizer``.

    ``evaluations`` are those that it adds to a step.
    """

    name: str
    function: AnyFunction
    arguments: tuple[str, ...]
    state: Mapping[str, Initial]
    hyperparameters: Mapping[str, float]
    options: Mapping[str, Option]
    facts: Declared = field(default_factory=Declared)

    @property
    def summary(self) -> str:
        return summary_of(self.function)

    def __call__(self, base: Optimizer) -> Optimizer:
        """The optimizer ``self.name+base.name``; a name that both have is the wrapper's own with its name before."""
        name = f"{self.name}{AROUND}{base.name}"
        if base.solver:
            raise PluginError(f"'{name}': {base.name} is an external solver and cannot be wrapped; wrap a rule")
        taken = {*base.hyperparameters, *base.options, *base.state}
        mine = {
            name: f"{self.name}_{name}" if name in taken else name
            for name in (*self.state, *self.hyperparameters, *self.options)
        }
        inside = [*base.hyperparameters, *base.options]
        asked = [name for name in self.arguments if name not in self.state and name != "step"]
        supplied = [name for name in SUPPLIED if name in {"w", "g", *asked, *base.arguments}]
        states = {**{mine[name]: initial for name, initial in self.state.items()}, **base.state}
        arguments = (*supplied, *states)

        def rule(*values: Array, **keywords: object) -> tuple[Array, ...]:
            table: Facts = dict(zip(arguments, values, strict=True))
            settings, after = {name: keywords[name] for name in inside}, {name: table[name] for name in base.state}

            def step(w: Array, g: Array) -> Array:
                moved = {**table, "w": w, "g": g}
                new, *state = as_tuple(base.rule(*(moved[name] for name in base.arguments), **settings))
                after.update(zip(base.state, state, strict=True))
                return new

            table["step"] = step
            returned = self.function(
                *(table[mine.get(name, name)] for name in self.arguments),
                **{name: keywords[mine[name]] for name in (*self.hyperparameters, *self.options)},
            )
            return (*as_tuple(returned), *after.values())

        rule.__doc__ = f"{self.summary} Around {base.name}."
        inner = base.solution
        facts: Declared = {
            **self.facts,
            "batch": base.batch,
            "parent": base.name,
            "evaluations": base.evaluations + self.facts.get("evaluations", 0),
            "space": {**base.space, **{mine[name]: span for name, span in self.facts.get("space", {}).items()}},
            "ranges": {**base.ranges, **{mine[name]: span for name, span in self.facts.get("ranges", {}).items()}},
            "coordinatewise": False,
            "solution": None if inner is None else lambda w, *state: inner(w, *state[len(self.state) :]),
        }
        return Optimizer(
            name,
            rule,
            arguments,
            states,
            {**base.hyperparameters, **{mine[name]: value for name, value in self.hyperparameters.items()}},
            {**base.options, **{mine[name]: value for name, value in self.options.items()}},
            wraps=(self.function, base.function, *base.wraps),
            **facts,
        )


@overload
def wrapper(function: AnyFunction, /, *, name: str = "", **facts: Unpack[Declared]) -> Wrapper: ...
@overload
def wrapper(
    function: None = None, /, *, name: str = "", **facts: Unpack[Declared]
) -> Callable[[AnyFunction], Wrapper]: ...
def wrapper(
    function: AnyFunction | None = None, /, *, name: str = "", **facts: Unpack[Declared]
) -> Wrapper | Callable[[AnyFunction], Wrapper]:
    """Declare a wrapper: a rule that may also ask for ``step(w, g)``, the new w of the optimizer inside."""
    if function is None:
        return lambda function: wrapper(function, name=name, **facts)
    name = name or function.__name__
    check_facts("wrapper", name, facts)
    return Wrapper(name, function, *declared("wrapper", name, function, {**SUPPLIED, **STEP}), facts=facts)
