"""The small pieces: named functions, made by a decorator each."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from optibench.plugin.types import AnyFunction, Facts


def summary_of(function: AnyFunction) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]


@dataclass(frozen=True)
class Function:
    """A named function: the shape of every small piece."""

    name: str
    function: AnyFunction
    formula: str = ""
    reference: str = ""

    def __call__(self, *arguments: object, **keywords: object) -> Any:
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
    def parameters(self) -> Facts:
        """Its keyword-only arguments and their defaults."""
        kept = inspect.signature(self.function).parameters.values()
        return {parameter.name: parameter.default for parameter in kept if parameter.kind is parameter.KEYWORD_ONLY}


class Metric(Function):
    """``(problem, w, split) -> (R,)`` on the named split, or None where it does not apply."""


class Executor(Function):
    """``(task, stages, workers, timeout) -> iterator of (cohort, None or exception)``, as they end.

    The exception is WorkerDied where the process of a cohort ended. Raise InputError where nothing can go on.
    """


Kind = TypeVar("Kind", bound=Function)


class Declare(Generic[Kind]):
    """The decorator of a kind: ``@activation`` or ``@activation(name=..., formula=..., reference=...)``."""

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.__doc__ = f"Declare: {kind.__doc__}"

    @overload
    def __call__(self, function: AnyFunction, /, **facts: str) -> Kind: ...
    @overload
    def __call__(self, function: None = None, /, **facts: str) -> Callable[[AnyFunction], Kind]: ...
    def __call__(self, function: AnyFunction | None = None, /, **facts: str) -> Kind | Callable[[AnyFunction], Kind]:
        if function is None:
            return lambda function: self(function, **facts)
        return self.kind(facts.pop("name", function.__name__), function, **facts)


activation = Declare(Activation)
loss = Declare(Loss)
schedule = Declare(Schedule)
metric = Declare(Metric)
executor = Declare(Executor)
