"""An update rule, whose signature is its declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, overload

import numpy as np

from optibench.errors import InputError, nearest
from optibench.plugin.functions import summary_of
from optibench.plugin.types import Array

#: What a rule may ask for by name, and what it gets.
SUPPLIED = {
    "w": "parameters, (R, P)",
    "g": "gradient of the batch loss at w, (R, P)",
    "t": "the step, an int from 1",
    "loss": "batch loss at w, (R, 1)",
    "grad": "grad(w, where=None): gradient at other points on the same batch, (R, P)",
    "value": "value(w, where=None): loss at other points on the same batch, (R, 1)",
    "hessian_product": "hessian_product(w, v, where=None): Hessian at w times v, (R, P)",
    "blocks": "the parameter blocks: name, slice and shape of each",
    "normal": "normal(): standard normal numbers of each run's own stream, (R, P)",
    "f_min": "the known minimum of the loss, (R, 1)",
}


#: Where a hyperparameter of this name lies, low <= value < high, if its rule does not say otherwise.
RANGES = {
    **dict.fromkeys(("lr", "eps", "weight_decay", "memory"), (0.0, inf)),
    **dict.fromkeys(("beta1", "beta2", "beta3", "momentum", "rho"), (0.0, 1.0)),
}


@dataclass(frozen=True)
class Optimizer:
    """An update rule and what its signature declares.

    ``rule(*arguments, **hyperparameters, **options)`` returns the new w, then its state in the declared order.
    """

    name: str
    rule: Callable[..., Any]
    arguments: tuple[str, ...]
    state: Mapping[str, Any]
    hyperparameters: Mapping[str, float]
    options: Mapping[str, Any]
    batch: int | str | None = None  # a rule that *is* its sampling: gd "full", sgd 1
    parent: str = ""
    formula: str = ""
    reference: str = ""
    space: Mapping[str, tuple[float, float, str]] = field(
        default_factory=dict
    )  # low, high, "log" | "linear" | "1 - log"
    ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=dict
    )  # what RANGES does not have, or has otherwise
    evaluations: float = 1  # of gradient, loss or Hessian product, a step; nan where it varies
    coordinatewise: bool | None = None  # no coordinate sees another; by default, unless the rule asks for more than g
    scale_free: bool = False  # at eps = 0 a gradient ten times as long changes nothing
    contains: Mapping[str, Mapping[str, float]] = field(
        default_factory=dict
    )  # rules that it is at these settings, at the same rate: {"gd": {"momentum": 0}}
    trace: str = ""  # a file of reference traces, beside the plugin's own
    solution: Callable[..., Any] | None = None
    wraps: tuple[Callable[..., Any], ...] = ()  # the functions of the optimizers inside a wrapper
    solver: bool = False  # a whole method of another library that steps by itself; see optibench.solvers

    def __call__(self, *arguments: Any, **hyperparameters: Any) -> Any:
        return self.rule(*arguments, **hyperparameters)

    def initial_state(self, w: Array, **named: Any) -> list[Array]:
        """The state before the first step: full arrays, or what its function of w, and of what it names besides, gives.

        ``named``: the blocks, hyperparameters and options.
        """
        states = []
        for name, initial in self.state.items():
            if callable(initial):
                _, *more = inspect.signature(initial).parameters
                value = np.array(initial(w, *(named[key] for key in more)), dtype=w.dtype)
                if value.ndim == 0 or len(value) != len(w):
                    raise InputError(
                        f"optimizer '{self.name}': state '{name}' starts with shape {value.shape}; its first axis must "
                        f"be the {len(w)} runs"
                    )
                states.append(value)
            else:
                states.append(np.full_like(w, initial))
        return states

    def check(self, name: str, value: float) -> None:
        """Refuse a hyperparameter that is out of range."""
        low, high = self.ranges.get(name, RANGES.get(name, (-inf, inf)))
        if not low <= value < high:
            below = f" and below {high:g}" if high < inf else ""
            raise InputError(
                f"optimizer '{self.name}': {name} = {value:g} must be at least {low:g}{below}; its default is "
                f"{self.hyperparameters[name]:g}"
            )

    @property
    def is_coordinatewise(self) -> bool:
        if self.coordinatewise is not None:
            return self.coordinatewise
        return not {"grad", "value", "hessian_product", "blocks", "f_min", "normal", "loss"} & {*self.arguments}

    @property
    def summary(self) -> str:
        return summary_of(self.rule)

    @property
    def function(self) -> Callable[..., Any]:
        """The plugin's own function, whose source stands for this piece."""
        return self.rule


@overload
def optimizer(rule: Callable[..., Any], /, **facts: Any) -> Optimizer: ...


@overload
def optimizer(rule: None = None, /, **facts: Any) -> Callable[[Callable[..., Any]], Optimizer]: ...


def optimizer(rule: Callable[..., Any] | None = None, /, **facts: Any) -> Any:
    """Declare an optimizer; the rule's signature is the declaration.

    Positional arguments without a default are supplied by name (see SUPPLIED), those with one are state and its initial
    value (a number, or a function of w), keyword-only ones are hyperparameters; a bool, string or None default makes an
    option. Facts: ``name`` (the function's by default) and FACTS, as the fields of Optimizer.
    """
    if rule is None:
        return lambda rule: optimizer(rule, **facts)
    name = facts.pop("name", rule.__name__)
    for fact in facts:
        if fact not in FACTS:
            raise InputError(f"optimizer '{name}': no fact named '{fact}'; {nearest(fact, FACTS)}")
    return Optimizer(name, rule, *declared(name, rule, SUPPLIED), **facts)


#: What the decorators take besides the name.
FACTS = (
    "batch", "parent", "formula", "reference", "space", "ranges", "evaluations", "coordinatewise", "scale_free",
    "contains", "trace", "solution",
)  # fmt: skip


def declared(
    name: str, rule: Callable[..., Any], supplied: Iterable[str]
) -> tuple[tuple[str, ...], dict[str, Any], dict[str, float], dict[str, Any]]:
    """What a rule's signature declares: arguments, state, hyperparameters, options."""
    arguments, state, numbers, options = [], {}, {}, {}
    for argument, parameter in inspect.signature(rule).parameters.items():
        default = parameter.default
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise InputError(f"optimizer '{name}': *{argument} declares nothing; name each argument")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            arguments.append(argument)
            if default is not parameter.empty:
                state[argument] = default
            elif argument not in supplied:
                raise InputError(
                    f"optimizer '{name}' asks for '{argument}', which nothing supplies; give it a default if it is "
                    f"state, put it after * if it is a hyperparameter; {nearest(argument, supplied)}"
                )
        elif default is parameter.empty:
            raise InputError(f"optimizer '{name}': hyperparameter '{argument}' needs a default")
        elif default is None or isinstance(default, bool | str):
            options[argument] = default
        else:
            numbers[argument] = default
    return tuple(arguments), state, numbers, options
