"""An update rule, whose signature is its declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TypedDict, Unpack, overload

import numpy as np

from optibench.errors import PluginError, SettingError, UnknownName, nearest
from optibench.plugin.functions import summary_of
from optibench.plugin.types import AnyFunction, Array, Option

#: What a state starts with: a number, or a function of w and of what else it names.
Initial = float | AnyFunction

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
    rule: AnyFunction
    arguments: tuple[str, ...]
    state: Mapping[str, Initial]
    hyperparameters: Mapping[str, float]
    options: Mapping[str, Option]
    batch: int | str | None = None  # a rule that *is* its sampling: gd "full", sgd 1
    parent: str = ""
    formula: str = ""
    reference: str = ""
    #: low, high, "log" | "linear" | "1 - log"
    space: Mapping[str, tuple[float, float, str]] = field(default_factory=dict)
    #: low <= value < high, where RANGES has none or another
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    evaluations: float = 1  # of gradient, loss or Hessian product, a step; nan where it varies
    coordinatewise: bool | None = (
        None  # each coordinate is updated on its own; by default, unless the rule asks for more than g
    )
    scale_free: bool = False  # at eps = 0 a gradient ten times as long changes nothing
    #: rules that it is at these settings, at the same rate: {"gd": {"momentum": 0}}
    contains: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    trace: str = ""  # a file of reference traces, beside the plugin's own
    solution: Callable[..., Array] | None = None  # (w, *state) -> the point that is evaluated, if not w
    wraps: tuple[AnyFunction, ...] = ()  # the functions of the optimizers inside a wrapper
    solver: bool = False  # an external solver: a whole method of another library, see engine/external.py

    def __call__(self, *arguments: object, **settings: object) -> Array | tuple[Array, ...]:
        return self.rule(*arguments, **settings)

    def initial_state(self, w: Array, **named: object) -> list[Array]:
        """The state before the first step: full arrays, or what its function of w, and of what it names besides, gives.

        ``named``: the blocks, hyperparameters and options.
        """
        states = []
        for name, initial in self.state.items():
            if callable(initial):
                _, *more = inspect.signature(initial).parameters
                value = np.array(initial(w, *(named[key] for key in more)), dtype=w.dtype)
                if value.ndim == 0 or len(value) != len(w):
                    raise PluginError(
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
            raise SettingError(
                f"optimizer '{self.name}': {name} = {value:g} must be at least {low:g}{below}; its default is "
                f"{self.hyperparameters[name]:g}",
                name,
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
    def function(self) -> AnyFunction:
        """The plugin's own function, whose source stands for this piece."""
        return self.rule


class Declared(TypedDict, total=False):
    """What the decorators take besides the name: fields of Optimizer."""

    batch: int | str | None
    parent: str
    formula: str
    reference: str
    space: Mapping[str, tuple[float, float, str]]
    ranges: Mapping[str, tuple[float, float]]
    evaluations: float
    coordinatewise: bool | None
    scale_free: bool
    contains: Mapping[str, Mapping[str, float]]
    trace: str
    solution: Callable[..., Array] | None


@overload
def optimizer(rule: AnyFunction, /, *, name: str = "", **facts: Unpack[Declared]) -> Optimizer: ...


@overload
def optimizer(
    rule: None = None, /, *, name: str = "", **facts: Unpack[Declared]
) -> Callable[[AnyFunction], Optimizer]: ...


def optimizer(
    rule: AnyFunction | None = None, /, *, name: str = "", **facts: Unpack[Declared]
) -> Optimizer | Callable[[AnyFunction], Optimizer]:
    """Declare an optimizer; the rule's signature is the declaration.

    Positional arguments without a default are supplied by name (see SUPPLIED), those with one are state and its initial
    value (a number, or a function of w), keyword-only arguments are hyperparameters; a bool, string or None default
    makes an option. ``name`` is the function's by default; facts: see Declared.
    """
    if rule is None:
        return lambda rule: optimizer(rule, name=name, **facts)
    name = name or rule.__name__
    check_facts("optimizer", name, facts)
    return Optimizer(name, rule, *declared("optimizer", name, rule, SUPPLIED), **facts)


def check_facts(kind: str, name: str, facts: Iterable[str]) -> None:
    for fact in facts:
        if fact not in Declared.__annotations__:
            raise UnknownName(f"fact of {kind} '{name}'", fact, Declared.__annotations__)


def declared(
    kind: str, name: str, rule: AnyFunction, supplied: Iterable[str]
) -> tuple[tuple[str, ...], dict[str, Initial], dict[str, float], dict[str, Option]]:
    """What a rule's signature declares: arguments, state, hyperparameters, options."""
    arguments: list[str] = []
    state: dict[str, Initial] = {}
    numbers: dict[str, float] = {}
    options: dict[str, Option] = {}
    for argument, parameter in inspect.signature(rule).parameters.items():
        default = parameter.default
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"{kind} '{name}': *{argument} declares nothing; name each argument")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            arguments.append(argument)
            if default is not parameter.empty:
                state[argument] = default
            elif argument not in supplied:
                raise PluginError(
                    f"{kind} '{name}': unknown argument '{argument}'; give it a default if it is state, make it "
                    f"keyword-only if it is a hyperparameter; {nearest(argument, supplied)}"
                )
        elif default is parameter.empty:
            raise PluginError(f"{kind} '{name}': hyperparameter '{argument}' needs a default")
        elif default is None or isinstance(default, bool | str):
            options[argument] = default
        else:
            numbers[argument] = default
    return tuple(arguments), state, numbers, options


def as_tuple(returned: Array | tuple[Array, ...]) -> tuple[Array, ...]:
    """What a rule returned: the new w and its state; one without state may return w alone."""
    return returned if isinstance(returned, tuple) else (returned,)
