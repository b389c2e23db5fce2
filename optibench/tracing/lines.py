"""A rule line by line: its statements, the formula of what each assigns, and the values after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.types import Option
from optibench.tracing.assignments import functions
from optibench.tracing.follow import follow_rule, statement_key
from optibench.tracing.formulas import formulas
from optibench.tracing.graph import Formula, Untraceable
from optibench.tracing.javascript import javascript
from optibench.tracing.source import NoSource, statements


@dataclass(frozen=True)
class Line:
    """A statement of a rule and what it computes.

    ``formulas``: MathML by the name that is assigned; None where the formula is too long to be read. ``key`` is the
    same for the line, its formulas and its values (`Place`).
    """

    key: str
    text: str
    number: int  # in its file
    depth: int  # how many blocks of the function it is in
    function: str
    names: tuple[str, ...]
    formulas: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """The lines of a rule; ``reason`` says why there are none, or why they have no formulas."""

    lines: tuple[Line, ...]
    reason: str = ""


@dataclass(frozen=True)
class Place:
    """A value of `StepLines`: the key of its line, its name, and its shape without the axis of runs."""

    key: str
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StepLines:
    """One step of a rule that gives every value on the way.

    ``formula``: ``lines(w, g, t, s, h, loss, f_min, env)`` -> the number of the way through the rule's ``if``s, then
    the values of ``ways[number]`` in order, flat; arguments as in `Traced`.
    """

    formula: Formula
    ways: tuple[tuple[Place, ...], ...]

    @cached_property
    def script(self) -> str:
        """The formula as a function in JavaScript; it needs `javascript.PRELUDE`."""
        return javascript(self.formula)


def lesson_lines(optimizer: Optimizer, options: Mapping[str, Option] | None = None) -> Lesson:
    """The lines of a rule with their formulas; of a wrapped rule those of the wrappers, then of the rule inside.

    A rule whose source cannot be read has no lines, one that cannot be traced has lines without formulas.
    """
    if optimizer.solver:
        return Lesson((), "an external solver takes its own steps and has no formula")
    written = functions(optimizer)
    if not written:
        return Lesson((), f"the rule of '{optimizer.name}' is not a Python function")
    try:
        parts = [statements(function) for function in written]
    except NoSource as error:
        return Lesson((), str(error))
    try:
        found, reason = formulas(follow_rule(optimizer, options)), ""
    except Untraceable as error:
        found, reason = {}, str(error)
    lines = []
    for place, (function, part) in enumerate(zip(written, parts, strict=True)):
        for one in part:
            here = place, one.first
            mine = {name: markup for (*there, name), markup in found.items() if tuple(there) == here}
            names = one.names or tuple(mine)
            lines.append(Line(statement_key(*here), one.text, one.first, one.depth, function.__name__, names, mine))
    return Lesson(tuple(lines), reason)


def step_lines(optimizer: Optimizer, options: Mapping[str, Option] | None = None) -> StepLines:
    """The values after each line. Raises Untraceable."""
    found = follow_rule(optimizer, options)
    ways = tuple(tuple(Place(one.key, one.name, one.shape) for one in way.values if one.is_new) for way in found.ways)
    return StepLines(found.lines, ways)
