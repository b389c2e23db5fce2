"""What a plugin can make: optimizers, activations, losses, schedules, problems, metrics, suites, figures, executors.

Symbols: R runs of P parameters, w parameters (R, P), g their gradients (R, P), t the step from 1.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from math import inf
from typing import Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

VERSION = "0.1.0"
Array = NDArray[Any]

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


class InputError(ValueError):
    """Bad input: one line that names the input, the reason and the mend."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error message: the nearest valid name, or all of them."""
    names = sorted(names)
    close = get_close_matches(name, names, 1, 0.5)
    return f"nearest: {close[0]}" if close else f"there are: {', '.join(names) or 'none'}"


def summary_of(function: Callable[..., Any]) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


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


@dataclass(frozen=True)
class Function:
    """A named function: the shape of every small piece. ``facts`` hold what its kind declares besides."""

    name: str
    function: Callable[..., Any]
    formula: str = ""
    reference: str = ""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    @property
    def summary(self) -> str:
        return summary_of(self.function)


class Activation(Function):
    """``z -> (a, slope)``, elementwise, any shape; slope = da/dz."""


class Loss(Function):
    """``(output (R, B, K), target (R or 1, B, K)) -> (loss (R,), slope (R, B, K))``, the mean over the batch."""


class Schedule(Function):
    """``(t, total, *, parameters) -> factor`` of the learning rate, t from 1 to total."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Its keyword-only arguments and their defaults."""
        kept = inspect.signature(self.function).parameters.values()
        return {parameter.name: parameter.default for parameter in kept if parameter.kind is parameter.KEYWORD_ONLY}


class Metric(Function):
    """``(problem, w, split) -> (R,)`` on the named split, or None where it does not apply."""


class Executor(Function):
    """``(task, stages, workers, timeout) -> iterator of (cohort, None or exception)``, as they end."""


Kind = TypeVar("Kind", bound=Function)


class Declare(Generic[Kind]):
    """The decorator of a kind: ``@activation`` or ``@activation(name=..., formula=..., reference=...)``."""

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.__doc__ = f"Declare: {kind.__doc__}"

    @overload
    def __call__(self, function: Callable[..., Any], /, **facts: str) -> Kind: ...
    @overload
    def __call__(self, function: None = None, /, **facts: str) -> Callable[[Callable[..., Any]], Kind]: ...
    def __call__(self, function: Callable[..., Any] | None = None, /, **facts: str) -> Any:
        if function is None:
            return lambda function: self(function, **facts)
        return self.kind(facts.pop("name", function.__name__), function, **facts)


activation = Declare(Activation)
loss = Declare(Loss)
schedule = Declare(Schedule)
metric = Declare(Metric)
executor = Declare(Executor)


@dataclass(frozen=True)
class Block:
    """One parameter array inside w: ``block.of(w)`` is its view, (R, *shape)."""

    name: str
    slice: slice
    shape: tuple[int, ...]

    def of(self, w: Array) -> Array:
        return w[:, self.slice].reshape(-1, *self.shape)


def blocks_of(**shapes: tuple[int, ...]) -> tuple[Block, ...]:
    """Blocks laid out one after the other: ``blocks_of(weight=(3, 2), bias=(2,))``."""
    blocks, begin = [], 0
    for name, shape in shapes.items():
        end = begin + int(np.prod(shape))
        blocks.append(Block(name, slice(begin, end), shape))
        begin = end
    return tuple(blocks)


@dataclass(frozen=True)
class Problem:
    """What is minimised: a pure function of its name, version and parameters.

    start(rng) -> (P,). value_grad(w, *batch) -> (loss (R,), gradient (R, P)), both in w's dtype, each run by itself:
    stacked matrix products only. ``train``, ``validation`` and ``test`` are tuples of arrays with one row an example;
    a batch is rows of each, (R, B, ...), or (1, B, ...) where all runs share it, and what ``draws`` gives behind them.
    A problem without data gets no batch.
    """

    name: str
    start: Callable[[np.random.Generator], Array]
    value_grad: Callable[..., tuple[Array, Array]]
    value: Callable[..., Array] | None = None  # (w, *batch) -> (R,), if cheaper than value_grad
    hessian_product: Callable[..., Array] | None = None  # (w, v, *batch) -> (R, P); else differences of gradients
    predict: Callable[..., Array] | None = None  # (w, x) -> outputs (R, B, K)
    score: Callable[..., Array] | None = None  # (w, outputs, target) -> (R,), the loss of what predict gave
    classes: bool = False  # whether outputs are scores of classes
    smooth: bool = True  # whether the slope has no jumps, so that Hessian products mean something
    train: tuple[Array, ...] = ()
    validation: tuple[Array, ...] = ()
    test: tuple[Array, ...] = ()
    draws: Callable[..., tuple[Array, ...]] | None = None  # (rng, examples) -> noise of a batch, (B, ...) each
    units: Callable[..., tuple[Array, int, str]] | None = None  # (w, x) -> dead hidden units (R,), of how many, of what
    blocks: tuple[Block, ...] = ()
    minimum: float | None = None
    minimizer: tuple[float, ...] | None = None
    source: str = ""  # of the problem and of its minimum
    domain: tuple[tuple[float, float], ...] = ()  # what a picture of a 2-D problem shows
    epochs: int = 100  # the budget if none is given; without data an epoch is one step
    width: int = 0  # numbers a run keeps for one example between forward and backward
    version: int = 1
    constants: tuple[Array, ...] = ()  # arrays that define it besides its data
    piece: ProblemFactory | None = None

    @cached_property
    def size(self) -> int:
        """P, the number of parameters."""
        return len(self.start(np.random.default_rng(0)))

    @cached_property
    def examples(self) -> int:
        return len(self.train[0]) if self.train else 0

    def loss(self, w: Array, *batch: Array) -> Array:
        """The loss alone, (R,), in the cheapest way that the problem has."""
        if self.predict is not None and self.score is not None:
            return self.score(w, self.predict(w, batch[0]), *batch[1:])
        value: Array = self.value_grad(w, *batch)[0] if self.value is None else self.value(w, *batch)
        return value

    @cached_property
    def fingerprint(self) -> str:
        """A hash of name, version and every array, or of a value where it has none, 16 hex digits."""
        digest = hashlib.sha256(f"{self.name} {self.version}".encode())
        for array in (*self.train, *self.validation, *self.test, *self.constants):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        if not (self.train or self.constants):  # a formula: known by a value, to the digits that all processors share
            with suppress(Exception), np.errstate(all="ignore"):  # what fails here fails in its runs, with its reason
                start = np.asarray(self.start(np.random.default_rng(0)), float)[None]
                digest.update(f"{float(self.loss(start)[0]):.9g}".encode())
        return digest.hexdigest()[:16]

    def astype(self, dtype: str) -> Problem:
        """The same problem with its data in ``dtype``, read-only."""

        def cast(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
            copies = tuple(np.array(array, dtype=dtype, order="C") for array in arrays)
            for copy in copies:
                copy.flags.writeable = False
            return copies

        return replace(self, train=cast(self.train), validation=cast(self.validation), test=cast(self.test))


@dataclass(frozen=True)
class ProblemFactory:
    """A function that builds a Problem; its keyword-only arguments are the problem's parameters."""

    name: str
    function: Callable[..., Problem]
    parameters: Mapping[str, Any]

    def __call__(self, **parameters: Any) -> Problem:
        built = self.function(**parameters)
        changed = {key: value for key, value in sorted(parameters.items()) if value != self.parameters[key]}
        return replace(built, name=label(self.name, changed), piece=self)

    @property
    def summary(self) -> str:
        return summary_of(self.function)


@overload
def problem(function: Callable[..., Problem], /, *, name: str = "") -> ProblemFactory: ...
@overload
def problem(function: None = None, /, *, name: str = "") -> Callable[[Callable[..., Problem]], ProblemFactory]: ...
def problem(function: Callable[..., Problem] | None = None, /, *, name: str = "") -> Any:
    """Declare a problem: a function with keyword-only parameters that returns a Problem."""
    if function is None:
        return lambda function: problem(function, name=name)
    parameters = {key: value.default for key, value in inspect.signature(function).parameters.items()}
    return ProblemFactory(name or function.__name__.replace("_", "-"), function, parameters)


def label(name: str, parameters: Mapping[str, Any]) -> str:
    """How a choice is written everywhere: ``quadratic:condition=10,dimension=2``."""
    settings = ",".join(f"{key}={_plain(value)}" for key, value in sorted(parameters.items()))
    return f"{name}:{settings}" if settings else name


def _plain(value: Any) -> str:
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(getattr(value, "name", value))  # an activation by its name, the same in every process


@dataclass(frozen=True)
class Suite:
    """A named experiment: ``facts`` are the fields of an experiment file."""

    name: str
    summary: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """One picture, declared once and drawn by a renderer: data, encoding, caption.

    data(results) -> tidy frame (empty where the figure has nothing to show). The encoding names its columns:
    ``mark`` is "curve" (y over x with a band from low to high) or "path" (a line through the points in order, on the
    contours of the problem); ``x``, ``y``, ``low``, ``high``, ``color``, ``facet``; ``x_scale`` and ``y_scale`` are
    "log" or "linear"; ``x_label`` and ``y_label``.
    """

    name: str
    title: str
    caption: str
    data: Callable[[Any], Any]
    encoding: Mapping[str, str]

    @property
    def summary(self) -> str:
        return self.title
