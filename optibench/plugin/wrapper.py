"""An optimizer around another, ``sam+adam``: a wrapper is a rule that is handed the step of the optimizer inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, overload

from optibench.errors import InputError, nearest
from optibench.plugin.functions import summary_of
from optibench.plugin.optimizer import FACTS, SUPPLIED, Optimizer, declared

#: What a wrapper may ask for besides what any rule may.
STEP = {"step": "step(w, g): the new w of the optimizer inside, from any point and gradient"}


@dataclass(frozen=True)
class Wrapper:
    """A function from an optimizer to an optimizer; its signature declares as an optimizer's does, see ``@optimizer``.

    ``evaluations`` are those that it adds to a step.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    state: Mapping[str, Any]
    hyperparameters: Mapping[str, float]
    options: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        return summary_of(self.function)

    def __call__(self, base: Optimizer) -> Optimizer:
        """The optimizer ``self.name+base.name``; a name that both have is the wrapper's own with its name before."""
        if base.solver:
            raise InputError(
                f"'{self.name}+{base.name}': {base.name} steps by itself and cannot be wrapped; wrap a rule"
            )
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

        def rule(*given: Any, **keywords: Any) -> tuple[Any, ...]:
            table = dict(zip(arguments, given, strict=True))
            settings, after = {name: keywords[name] for name in inside}, {name: table[name] for name in base.state}

            def step(w: Any, g: Any) -> Any:
                moved = {**table, "w": w, "g": g}
                returned = base.rule(*(moved[name] for name in base.arguments), **settings)
                new, *state = returned if isinstance(returned, tuple) else (returned,)
                after.update(zip(base.state, state, strict=True))
                return new

            table["step"] = step
            returned = self.function(
                *(table[mine.get(name, name)] for name in self.arguments),
                **{name: keywords[mine[name]] for name in (*self.hyperparameters, *self.options)},
            )
            return (*(returned if isinstance(returned, tuple) else (returned,)), *after.values())

        rule.__doc__ = f"{self.summary} Around {base.name}."
        facts, inner = dict(self.facts), base.solution
        return Optimizer(
            f"{self.name}+{base.name}",
            rule,
            arguments,
            states,
            {**base.hyperparameters, **{mine[name]: value for name, value in self.hyperparameters.items()}},
            {**base.options, **{mine[name]: value for name, value in self.options.items()}},
            batch=base.batch,
            parent=base.name,
            evaluations=base.evaluations + facts.pop("evaluations", 0),
            space={**base.space, **{mine[name]: span for name, span in facts.pop("space", {}).items()}},
            ranges={**base.ranges, **{mine[name]: span for name, span in facts.pop("ranges", {}).items()}},
            coordinatewise=False,
            solution=None if inner is None else lambda w, *state: inner(w, *state[len(self.state) :]),
            wraps=(self.function, base.function, *base.wraps),
            **facts,
        )


@overload
def wrapper(function: Callable[..., Any], /, **facts: Any) -> Wrapper: ...
@overload
def wrapper(function: None = None, /, **facts: Any) -> Callable[[Callable[..., Any]], Wrapper]: ...
def wrapper(function: Callable[..., Any] | None = None, /, **facts: Any) -> Any:
    """Declare a wrapper: a rule that may also ask for ``step(w, g)``, the new w of the optimizer inside."""
    if function is None:
        return lambda function: wrapper(function, **facts)
    name = facts.pop("name", function.__name__)
    for fact in facts:
        if fact not in FACTS:
            raise InputError(f"wrapper '{name}': no fact named '{fact}'; {nearest(fact, FACTS)}")
    return Wrapper(name, function, *declared(name, function, {**SUPPLIED, **STEP}), facts=facts)
