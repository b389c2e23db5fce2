"""What each line of a rule assigns: one call of the rule, followed by Python's own line events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter, signature, unwrap
from numbers import Real
from types import CodeType, FrameType
from typing import Any, TypeVar

import numpy as np

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.types import AnyFunction, Array

Result = TypeVar("Result")
#: What Python calls at the events of one frame.
Local = Callable[[FrameType, str, Any], Any]
#: Code that is a part of a line and has none of its own.
WITHIN_A_LINE = ("<lambda>", "<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")


@dataclass(frozen=True, eq=False)
class Assigned:
    """The value of a name after a line ran.

    ``function`` is the place among `functions` of the one that the line belongs to, ``line`` its number in its file.
    ``how``: ``argument`` of a function that is called, by the line that called it; ``local``; or ``returned``, without
    a name where the function is one inside.
    """

    function: int
    line: int
    name: str
    value: Array
    how: str


def functions(optimizer: Optimizer) -> tuple[AnyFunction, ...]:
    """The functions that a rule is written in: its own; of a wrapped one those of the wrappers, then the rule inside.

    A wrapped rule is itself a function of `plugin.wrapper` that only hands arguments on; it is left out.
    """
    written = optimizer.wraps or (optimizer.rule,)
    handing_on = optimizer.rule.__code__ if optimizer.wraps else None
    plain = (unwrap(function) for function in written)
    return tuple(f for f in plain if getattr(f, "__code__", None) not in (None, handing_on))


def returned_names(function: AnyFunction) -> tuple[str, ...]:
    """What a rule returns by its signature: w, then its state."""
    arguments = signature(function).parameters.values()
    return ("w", *(a.name for a in arguments if a.kind is not Parameter.KEYWORD_ONLY and a.default is not a.empty))


def followed(optimizer: Optimizer, call: Callable[[], Result]) -> tuple[Result, list[Assigned]]:
    """What ``call``, which calls the rule, returns, and what the lines of its functions assigned, in order.

    Functions that are defined inside are followed too, helpers elsewhere are not. Of a name that a line leaves at the
    same numbers there is no entry.
    """
    found: list[Assigned] = []
    owners, whole = dict[CodeType, int](), dict[CodeType, tuple[str, ...]]()
    for place, function in enumerate(functions(optimizer)):
        owners |= dict.fromkeys(_codes(function.__code__), place)
        whole[function.__code__] = returned_names(function)

    def enter(frame: FrameType, event: str, argument: object) -> Local | None:
        if frame.f_code not in owners:
            return None
        seen = {name: _numbers(value) for name, value in frame.f_locals.items()}
        first, place = frame.f_code.co_firstlineno, owners[frame.f_code]
        caller = frame.f_back
        while caller and caller.f_code not in owners:
            caller = caller.f_back
        called = (owners[caller.f_code], caller.f_lineno) if caller else (place, first)
        arguments = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        found.extend(
            Assigned(*called, name, value, "argument")
            for name in arguments
            for name, value in _arrays(name, frame.f_locals.get(name))
        )
        last = first

        def follow(frame: FrameType, event: str, returned: object) -> Local:
            nonlocal last
            for name, value in frame.f_locals.items():
                numbers = _numbers(value)
                if numbers is not None and seen.get(name) != numbers:
                    found.extend(Assigned(place, last, name, array, "local") for name, array in _arrays(name, value))
                seen[name] = numbers
            if event == "return" and returned is not None:
                names = whole.get(frame.f_code, ())
                values = returned if isinstance(returned, tuple) else (returned,)
                for i, value in enumerate(values):
                    name = names[i] if i < len(names) else ""
                    found.extend(Assigned(place, last, name, array, "returned") for _, array in _arrays(name, value))
            last = frame.f_lineno
            return follow

        return follow

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        result = call()
    finally:
        sys.settrace(before)
    return result, found


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those defined in it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and inner.co_name not in WITHIN_A_LINE:
            yield from _codes(inner)


def _arrays(name: str, value: object) -> Iterator[tuple[str, Array]]:
    """An array of numbers or a number as one; those of a tuple or list by their place."""
    if isinstance(value, tuple | list) and any(isinstance(part, np.ndarray) for part in value):
        for i, part in enumerate(value):
            yield from _arrays(f"{name}_{i + 1}", part)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fb":
        yield name, value.copy()  # a later line may change it in place
    elif isinstance(value, Real) and not isinstance(value, bool):
        yield name, np.asarray(float(value))


def _numbers(value: object) -> object:
    """What changes when the numbers of a value change, also in place; None of what holds none."""
    if isinstance(value, tuple | list):
        return tuple(map(_numbers, value))
    if isinstance(value, np.ndarray):
        plain = value.view(np.ndarray)
        return (value.shape, tuple(plain.flat) if plain.dtype == object else plain.tobytes())
    return (value,) if isinstance(value, Real) else None  # in a tuple nan equals itself
