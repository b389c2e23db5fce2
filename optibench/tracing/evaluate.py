"""A formula as numbers: the very graph that becomes JavaScript, computed by NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from optibench.plugin.types import Array
from optibench.tracing.graph import OPERATIONS, Choice, Formula, Node, as_numpy

#: What an argument of a formula is: a number, numbers by place, or numbers by name.
Given = float | Sequence[float] | Array | Mapping[str, float]


def evaluate(
    formula: Formula, given: Mapping[str, Given], env: Mapping[str, Callable[..., Sequence[float]]] | None = None
) -> list[float]:
    """The values of a formula in order; ``given`` by argument, ``env`` the functions that it may call, on lists."""
    values: dict[Node, Any] = {}
    block = formula.body
    with np.errstate(all="ignore"):
        while True:
            for node in block.nodes:
                values[node] = _value(node, values, given, env or {})
            if not isinstance(block.end, Choice):
                return [float(values[node]) for node in block.end]
            block = block.end.then if values[block.end.condition] else block.end.otherwise


def _value(
    node: Node, values: Mapping[Node, Any], given: Mapping[str, Any], env: Mapping[str, Callable[..., Sequence[float]]]
) -> Any:
    operation = OPERATIONS.get(node.op)
    if operation is not None:
        return operation(*[values[parent] for parent in node.parents])
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
