"""The formulas of an elementwise function of one number, traced from one call of it on a symbol."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, signature

import numpy as np

from optibench.plugin.types import AnyFunction
from optibench.tracing.graph import Choice, Node, Untraceable, given, inputs
from optibench.tracing.mathml import Named, bracketed, math
from optibench.tracing.notation import symbol
from optibench.tracing.rules import explored
from optibench.tracing.symbols import nodes, shaped


def trace_elementwise(function: AnyFunction, argument: str, results: tuple[str, ...]) -> tuple[str, ...]:
    """The formula of each result in MathML, in the argument and the keyword-only numbers of the function.

    ``function``: an array, any shape, -> as many arrays of that shape as ``results``. A result may be written in those
    before it. Keyword arguments that must be numbers are constants of the formulas, with their defaults. Raises
    Untraceable where there is no formula, or none that is short enough to be read.
    """
    try:
        arguments = signature(function).parameters.values()
    except (TypeError, ValueError):
        raise Untraceable("its signature cannot be read") from None
    numbers = [
        one.name for one in arguments if one.kind is Parameter.KEYWORD_ONLY and isinstance(one.default, int | float)
    ]
    try:
        return _written(function, argument, results, numbers)
    except Untraceable:
        if not numbers:
            raise
        return _written(function, argument, results, [])


def _written(function: AnyFunction, argument: str, results: tuple[str, ...], numbers: Sequence[str]) -> tuple[str, ...]:
    found: list[Node] = []

    def values() -> list[Node]:
        settings = {name: shaped([given("h", name)], (1,)) for name in numbers}
        returned = function(shaped([given(argument)], (1,)), **settings)
        parts = returned if isinstance(returned, tuple) else (returned,)
        if len(parts) != len(results):
            raise Untraceable(f"it returned {len(parts)} values, not {len(results)}")
        found[:] = [nodes(np.asanyarray(part))[0] for part in parts]
        return found

    if isinstance(explored("values", (argument, "h"), values).body.end, Choice):
        raise Untraceable("it has an if statement on the numbers that it is given")
    names = {node: Named(symbol(str(node.args[-1])), place) for place, node in enumerate(inputs(found))}
    written = []
    for result, node in zip(results, found, strict=True):
        markup = bracketed(node, names)
        if markup is None:
            raise Untraceable("its formula is too long to be read")
        written.append(math(f"{symbol(result).now}<mo>=</mo>{markup}"))
        if node.op not in ("input", "const"):
            names = {node: Named(symbol(result), len(names)), **names}
    return tuple(written)
