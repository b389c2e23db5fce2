"""The lines that a reader types into a Python shell to get the worked numbers of a rule.

Where a rule is a list of assignments, they are its own lines in a loop; else they call the rule.
"""

from __future__ import annotations

import builtins
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

import numpy as np

from optibench.errors import UnknownName
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import blocks_of
from optibench.plugin.registry import registry
from optibench.plugin.types import Array
from optibench.tracing.assignments import functions
from optibench.tracing.source import NoSource, Statement, statements

#: What a rule may ask for, as lines before the loop; a `def` would need an empty line after it in a shell.
BEFORE = {
    "f_min": "f_min = np.zeros((1, 1))",
    "blocks": "blocks = blocks_of(w=(2,))",
    "grad": "grad = lambda w, where=None: w * [1.0, 10.0]",
    "value": "value = lambda w, where=None: (w**2 * [1.0, 10.0]).sum(axis=-1, keepdims=True) / 2",
    "hessian_product": "hessian_product = lambda w, v, where=None: v * [1.0, 10.0]",
    "normal": "noise = np.random.default_rng(0)\nnormal = lambda: noise.standard_normal((1, 2))",
}
LOSS = "loss = (w**2 * [1.0, 10.0]).sum(axis=-1, keepdims=True) / 2"
BLOCKS = "from optibench.plugin.problem import blocks_of"


def shell_text(optimizer: Optimizer, settings: Mapping[str, float], steps: Sequence[int]) -> str:
    """The lines; they end with the numbers of the last step under the names of the rule."""
    own = _own_lines(optimizer)
    if own is not None:
        imports, body, scalar = own
        start = _start(optimizer, settings, scalar)
    else:
        imports, body, scalar = _calling(optimizer)
        start = [*_supplied(optimizer), *_settings(settings, False, "settings")]
        start.append("w = np.array([[1.0, 1.0]])")
        if optimizer.state:
            targets = ", ".join(optimizer.state) + ("," if len(optimizer.state) == 1 else "")
            start.append(f"{targets} = rule.initial_state(w, blocks=blocks_of(w=(2,)), **settings, **rule.options)")
    lines = ["import numpy as np", *imports, "", *start]
    lines.append(f"for t in range(1, {max(steps) + 1}):")
    lines.append("    g = w * [1.0, 10.0]")
    if "loss" in optimizer.arguments:
        lines.append(f"    {LOSS}")
    lines += [f"    {line}" for line in body]
    shown = repr(tuple(sorted({*steps}))) if len({*steps}) > 1 else f"({max(steps)},)"
    f = "f_after" if "f" in optimizer.state else "f"
    lines.append(f"    {f} = (w**2 * [1.0, 10.0]).sum() / 2")
    lines.append(f"    if t in {shown}:")
    lines.append(f"        print({', '.join(['t', 'w', *optimizer.state, f])})")
    return "\n".join(lines) + "\n"


def _own_lines(optimizer: Optimizer) -> tuple[list[str], list[str], bool] | None:
    """The imports and the lines of a rule, and whether plain numbers will do as its hyperparameters.

    None where the lines do not stand alone: functions inside, several returns, or names that cannot be imported.
    """
    if optimizer.wraps or not functions(optimizer):
        return None
    (function,) = functions(optimizer)
    try:
        written = statements(function)
    except NoSource:
        return None
    returns = tuple(one for one in written if one.text.startswith("return"))
    taken = {"f", "np", "noise", *BEFORE}
    own = {*optimizer.arguments, *optimizer.hyperparameters, *optimizer.options}
    assigned = {name for one in written for name in one.names}
    if function.__code__.co_freevars or returns != written[-1:] or (taken & (own | assigned)) - {*optimizer.arguments}:
        return None
    if any(one.text.startswith(("def ", "class ", "async ")) for one in written):
        return None
    imports = _imports(function.__globals__, sorted(_reads(written) - own - assigned))
    if imports is None:
        return None
    imports += [BLOCKS] if "blocks" in optimizer.arguments else []
    body = [f"{'    ' * one.depth}{one.text}" for one in written[:-1]]
    value = written[-1].text.removeprefix("return").strip()
    # In one assignment, because the state may be computed from the w before.
    body.append(f"{', '.join(['w', *optimizer.state])} = {value}")
    plain = all(line.startswith("from numpy ") for line in imports)
    scalar = plain and not any(re.search(r"[\w)\]]\.[a-z]|\[|axis", one.text) for one in written)
    return imports, body, scalar and not {*BEFORE, "loss"} & {*optimizer.arguments}


def _reads(written: Sequence[Statement]) -> set[str]:
    return {name for one in written for name in one.reads}


def _imports(scope: Mapping[str, object], names: Sequence[str]) -> list[str] | None:
    """The imports that give the names of a module their values; None where one cannot be imported."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for name in names:
        value = scope.get(name, getattr(builtins, name, None))
        if value is None or getattr(builtins, name, None) is value:
            continue
        if isinstance(value, ModuleType):
            lines += [f"import {value.__name__} as {name}"] if name != "np" else []
        elif isinstance(value, int | float | str):
            lines.append(f"{name} = {value!r}")
        else:
            source = _importable(value)
            if source is None:
                return None
            found.setdefault(source[0], []).append(source[1] if source[1] == name else f"{source[1]} as {name}")
    return [*(f"from {module} import {', '.join(parts)}" for module, parts in found.items()), *lines]


def _importable(value: object) -> tuple[str, str] | None:
    """The module and the name under which a reader can import a function."""
    name = str(getattr(value, "__name__", ""))
    module = "numpy" if getattr(np, name, None) is value else str(getattr(value, "__module__", ""))
    if getattr(sys.modules.get(module), name, None) is not value:
        return None
    try:
        return (module, name) if importlib.util.find_spec(module) else None
    except (ValueError, ImportError):  # `__main__`, or a plugin file that is no module
        return None


def _start(optimizer: Optimizer, settings: Mapping[str, float], scalar: bool) -> list[str]:
    """w, the state and the settings before the first step."""
    w = np.array([[1.0, 1.0]])
    columns = {name: np.array([[value]]) for name, value in settings.items()}
    initial = optimizer.initial_state(w, blocks=blocks_of(w=(2,)), **columns, **optimizer.options)
    options = [f"{name} = {value!r}" for name, value in optimizer.options.items()]
    arrays = {"w": w, **dict(zip(optimizer.state, initial, strict=True))}
    values = [f"{name} = {_array(array[0] if scalar else array)}" for name, array in arrays.items()]
    return [*_supplied(optimizer), *_settings(settings, scalar), *options, *values]


def _array(array: Array) -> str:
    if not array.any():
        return f"np.zeros({array.shape if array.ndim > 1 else len(array)})"
    return f"np.array({array.tolist()})"


def _settings(settings: Mapping[str, float], scalar: bool, table: str = "") -> list[str]:
    if table:
        return [f"{table} = {{{', '.join(f'{name!r}: np.array([[{value!r}]])' for name, value in settings.items())}}}"]
    if scalar and settings:
        return [f"{', '.join(settings)} = {', '.join(map(repr, settings.values()))}"]
    return [f"{name} = np.array([[{value!r}]])" for name, value in settings.items()]


def _supplied(optimizer: Optimizer) -> list[str]:
    return [line for name, line in BEFORE.items() if name in optimizer.arguments]


def _calling(optimizer: Optimizer) -> tuple[list[str], list[str], bool]:
    """The import of the rule, and the line that calls it."""
    name = optimizer.name
    try:
        known: Optimizer | None = registry().get("optimizer", name)
    except UnknownName:
        known = None
    if known and functions(known) == functions(optimizer):
        rule = ["from optibench.plugin.registry import registry", "", f'rule = registry().get("optimizer", {name!r})']
    else:
        rule = ["", f"# rule is the optimizer {name!r}, from where it is defined"]
    call = f"rule({', '.join(optimizer.arguments)}, **settings, **rule.options)"
    return [BLOCKS, *rule], [f"{', '.join(['w', *optimizer.state])} = {call}"], False
