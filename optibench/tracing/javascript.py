"""A formula as the text of a JavaScript function, in float64 as NumPy computes it."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan

from optibench.tracing.graph import Block, Choice, Formula, Node

#: What the functions need beside JavaScript's own: the remainder with the sign of the divisor, as in NumPy.
PRELUDE = "const mod = (a, b) => { const r = a % b; return r !== 0 && r < 0 !== b < 0 ? r + b : r; };"
INFIX = {
    **{"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "logical_and": "&&", "logical_or": "||"},
    **{"greater": ">", "greater_equal": ">=", "less": "<", "less_equal": "<=", "equal": "===", "not_equal": "!=="},
}
FUNCTIONS = {
    **{"maximum": "max", "minimum": "min", "power": "pow", "absolute": "abs", "arctan2": "atan2"},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: name for name in ("sqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "log10", "hypot")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "floor", "ceil", "trunc")},
}
#: Operation -> its form, with a place for each argument.
FORMS = {
    **{op: f"{{}} {sign} {{}}" for op, sign in INFIX.items()},
    **{op: f"Math.{name}({{}}{', {}' * (op in ('maximum', 'minimum', 'power', 'arctan2', 'hypot'))})"
       for op, name in FUNCTIONS.items()},
    **{"negative": "-{}", "square": "{0} * {0}", "reciprocal": "1 / {}", "logical_not": "!{}"},
    **{"remainder": "mod({}, {})", "exp2": "Math.pow(2, {})"},
    "floor_divide": "{1} === 0 ? {0} / {1} : Math.round(({0} - mod({0}, {1})) / {1})",
    **{"where": "{} ? {} : {}", "isnan": "Number.isNaN({})", "isfinite": "Number.isFinite({})"},
    "isinf": "Math.abs({}) === Infinity",
}  # fmt: skip


def javascript(formula: Formula) -> str:
    """``function name(arguments) { ... return [values]; }``, one line a node, in the order of computation."""
    lines = [f"function {formula.name}({', '.join(formula.arguments)}) {{"]
    _write(formula.body, {}, "  ", lines)
    return "\n".join([*lines, "}"])


def _write(block: Block, names: Mapping[Node, str], indent: str, lines: list[str], count: int = 0) -> None:
    """Append the lines of a block; ``names``: what is already known, ``count``: how many of them are variables."""
    names = {**names}
    for node in block.nodes:
        if node.op in ("const", "input", "item"):
            names[node] = _place(node, names)
            continue
        names[node], count = f"x{count}", count + 1
        lines.append(f"{indent}const {names[node]} = {_computed(node, names)};")
    if isinstance(block.end, Choice):
        lines.append(f"{indent}if ({names[block.end.condition]}) {{")
        _write(block.end.then, names, indent + "  ", lines, count)
        lines.append(f"{indent}}} else {{")
        _write(block.end.otherwise, names, indent + "  ", lines, count)
        lines.append(f"{indent}}}")
    else:
        lines.append(f"{indent}return [{', '.join(names[node] for node in block.end)}];")


def _place(node: Node, names: Mapping[Node, str]) -> str:
    """A node that needs no line: a constant, an argument or an item."""
    if node.op == "const":
        return literal(node.value)
    if node.op == "item":
        (array,), index = node.parents, node.args[1]
        return f"{names[array]}[{index}]"
    name, *key = node.args
    return "".join([str(name), *(f".{part}" if isinstance(part, str) else f"[{part}]" for part in key)])


def _computed(node: Node, names: Mapping[Node, str]) -> str:
    if node.op == "draw":
        return "env.normal()"
    if node.op == "call":
        function, *lists = node.args
        arrays = (f"[{', '.join(names[item] for item in part)}]" for part in lists if isinstance(part, tuple))
        return f"env.{function}({', '.join(arrays)})"
    return FORMS[node.op].format(*(names[parent] for parent in node.parents))


def literal(value: float | bool | None) -> str:
    """A number as JavaScript writes it, with every digit."""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = float("nan" if value is None else value)
    if isnan(number):
        return "NaN"
    if abs(number) == inf:
        return "Infinity" if number > 0 else "-Infinity"
    return repr(number).removesuffix(".0")
