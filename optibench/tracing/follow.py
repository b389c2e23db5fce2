"""A rule followed line by line on symbols: the nodes of what each line assigns, on every way through its ``if``s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.types import Option
from optibench.tracing.assignments import Assigned, followed, functions
from optibench.tracing.graph import Formula, Node, const, current, selected
from optibench.tracing.rules import STEP, Symbolic, Traced, explored, trace_rule
from optibench.tracing.source import NoSource, Statement, statements
from optibench.tracing.symbols import nodes

#: Parameters of the rule that is followed; a sum over them is written as a sum.
WIDTH = 2


@dataclass(frozen=True, eq=False)
class Value:
    """What a name is after a line: its nodes, and its shape without the axis of runs.

    ``line`` is the first of its statement where the source is known; the rest as in `Assigned`.
    """

    function: int
    line: int
    name: str
    nodes: tuple[Node, ...]
    shape: tuple[int, ...]
    how: str

    @property
    def is_new(self) -> bool:
        """Whether it is computed, and not an argument as the step was given it."""
        return self.how != "argument" or any(node.op not in ("input", "const") for node in self.nodes)

    @property
    def key(self) -> str:
        """The statement that it belongs to, see `statement_key`."""
        return statement_key(self.function, self.line)


@dataclass(frozen=True, eq=False)
class Way:
    """One way through the ``if``s of a rule: their answers, and the values in the order of computation."""

    answers: Mapping[Node, bool]
    values: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Followed:
    """A rule that was followed.

    ``step`` is its formula in the nodes of ``ways``; ``lines``, with the same arguments, gives the number of the way
    taken, then its new values, flat. ``written``: the statements by function and first line; none where the source is
    not known.
    """

    optimizer: Optimizer
    traced: Traced
    ways: tuple[Way, ...]
    step: Formula
    lines: Formula
    written: Mapping[tuple[int, int], Statement]


def statement_key(function: int, line: int) -> str:
    """A statement as text: the place of its function among `functions`, and its first line."""
    return f"{function}-{line}"


def follow_rule(optimizer: Optimizer, options: Mapping[str, Option] | None = None) -> Followed:
    """Follow a rule of WIDTH parameters. Raises Untraceable, as `trace_rule` does."""
    traced = trace_rule(optimizer, options, WIDTH)
    chosen = {**optimizer.options, **(options or {})}
    rule = Symbolic(optimizer, chosen, WIDTH, traced.fixed, dict(traced.state))
    written, ways = _written(optimizer), list[Way]()
    begins = {(place, line): first for (place, first), one in written.items() for line in range(first, one.last + 1)}

    def step() -> list[Node]:
        after, assigned = followed(optimizer, rule.step)
        values = _values(assigned, begins)
        ways.append(Way(dict(current().questions), values))
        new = (node for value in values if value.is_new for node in value.nodes)
        return [*after, const(float(len(ways) - 1)), *new]

    whole = explored("step", STEP, step)
    width = WIDTH + sum(int(np.prod(shape)) for shape in traced.state.values())
    parts = selected(whole, "step", lambda end: end[:width]), selected(whole, "lines", lambda end: end[width:])
    return Followed(optimizer, traced, tuple(ways), *parts, written)


def _values(assigned: Sequence[Assigned], begins: Mapping[tuple[int, int], int]) -> tuple[Value, ...]:
    """The values that change a name; what a function inside returns has the name under which the rule returns it."""
    flat = [nodes(one.value) for one in assigned]
    results = {key: one.name for key, one in zip(flat, assigned, strict=True) if one.how == "returned" and one.name}
    present: dict[str, tuple[Node, ...]] = {}
    found = []
    for each, one in zip(flat, assigned, strict=True):
        name = one.name or results.get(each, "")
        if not name or (one.how != "argument" and present.get(name) == each):
            continue
        present[name] = each
        line = begins.get((one.function, one.line), one.line)
        found.append(Value(one.function, line, name, each, one.value.shape[1:], one.how))
    return tuple(found)


def _written(optimizer: Optimizer) -> dict[tuple[int, int], Statement]:
    found: dict[tuple[int, int], Statement] = {}
    for place, function in enumerate(functions(optimizer)):
        try:
            found |= {(place, statement.first): statement for statement in statements(function)}
        except NoSource:
            continue
    return found
