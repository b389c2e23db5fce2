"""A formula as numbers: the very graph that becomes JavaScript, computed by NumPy in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from optibench.plugin.types import AnyFunction, Array
from optibench.tracing.graph import OPERATIONS, Choice, Formula, Node, as_numpy

#: What an argument of a formula is: a number, numbers by place, or numbers by name.
Given = float | Sequence[float] | Array | Mapping[str, float]


def evaluate(
    formula: Formula,
    given: Mapping[str, Given],
    env: Mapping[str, AnyFunction] | None = None,
    operations: Mapping[str, AnyFunction] = OPERATIONS,
) -> Array:
    """The values of a formula in order, (numbers,).

    ``given``: its arguments by name, flat. ``env``: the functions that it may call, on lists. ``operations``: what
    computes them, by name and on float64 scalars.
    """
    values: dict[Node, Any] = {}
    env = env or {}
    block = formula.body
    with np.errstate(all="ignore"):
        while True:
            for node in block.nodes:
                operation = operations.get(node.op)
                if operation is not None:
                    values[node] = operation(*[values[parent] for parent in node.args])  # type: ignore[index]
                else:
                    values[node] = _from_outside(node, values, given, env)
            if not isinstance(block.end, Choice):
                return np.array([values[node] for node in block.end], float)
            block = block.end.then if values[block.end.condition] else block.end.otherwise


def _from_outside(
    node: Node, values: Mapping[Node, Any], given: Mapping[str, Any], env: Mapping[str, AnyFunction]
) -> Any:
    """What no operation computes: a constant, an argument, or what a function of ``env`` gives."""
    if node.op == "const":
        return as_numpy(node.value)
    if node.op == "draw":
        return env["normal"]()
    if node.op == "call":
        function, *lists = node.args
        arrays = [[values[part] for part in parts] for parts in lists if isinstance(parts, tuple)]
        return env[str(function)](*arrays)
    if node.op == "item":
        (array,), index = node.parents, node.args[1]
        return np.float64(values[array][index])
    name, *key = node.args
    return np.float64(given[str(name)][key[0]] if key else given[str(name)])
