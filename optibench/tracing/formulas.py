"""The formula of what each line of a rule assigns, in MathML and in the names that were assigned before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from optibench.tracing.follow import Followed, Value, Way
from optibench.tracing.graph import Node
from optibench.tracing.mathml import MOST_SYMBOLS, Named, alike, bracketed, cases, math, mathml, size
from optibench.tracing.notation import Symbol, notation

#: A formula with more cases than this is not readable.
MOST_CASES = 8
#: Function, line and name.
Key = tuple[int, int, str]


@dataclass(frozen=True)
class Right:
    """The right-hand side of a formula, None where it is too long, and the sign before it.

    The sign is an arrow where a name is assigned again from its own value, and a tilde where it is drawn at random.
    """

    markup: str | None
    sign: str = "="


def formulas(found: Followed, marks: Mapping[str, Symbol] | None = None) -> dict[Key, str | None]:
    """Formulas by function, line and name; None where one is too long to be read. ``marks``: symbols of these names."""
    used = {value.name for way in found.ways for value in way.values}
    symbols = notation({*used, *found.optimizer.hyperparameters, *found.optimizer.state, "w", "g", "t", "loss"})
    symbols |= marks or {}
    ways = [_rights(found, way, symbols) for way in found.ways]
    keys = dict.fromkeys(key for rights, _ in ways for key in rights)
    written: dict[Key, str | None] = {}
    for key in keys:
        merged = _merged([(way, rights.get(key), conditions)
                          for way, (rights, conditions) in zip(found.ways, ways, strict=True)])  # fmt: skip
        assert merged is not None
        left = f"{symbols[key[2]].now}<mo>{merged.sign}</mo>"
        written[key] = None if merged.markup is None else math(left + merged.markup)
    return written


class Scope:
    """The names that nodes have at one point of a way, the latest last."""

    def __init__(self, symbols: Mapping[str, Symbol]) -> None:
        self.symbols = symbols
        self.owners = count()
        self.present: dict[str, tuple[Node, ...]] = {}  # the nodes that a name has now
        self.all: dict[Node, dict[str, Named]] = {}

    def bind(self, name: str, flat: Sequence[Node], before: bool = False) -> None:
        owner = next(self.owners)
        self.present[name] = tuple(flat)
        for place in reversed(range(len(flat))):
            if flat[place].op != "const":
                names = self.all.setdefault(flat[place], {})
                names.pop(name, None)
                names[name] = Named(self.symbols[name], owner, place, before)

    def names(self, reads: frozenset[str] = frozenset()) -> dict[Node, Named]:
        """One name for each node: the latest that a statement reads, or the latest."""
        return {
            node: named[next((name for name in reversed(named) if name in reads), next(reversed(named)))]
            for node, named in self.all.items()
        }

    def is_before(self, flat: Iterable[Node]) -> bool:
        """Whether nodes are of the state before the step."""
        return any(named.before for node in flat for named in self.all.get(node, {}).values())


def _rights(
    found: Followed, way: Way, symbols: Mapping[str, Symbol]
) -> tuple[dict[Key, Right], Mapping[Node, str | None]]:
    """The right-hand sides of one way, and its conditions as markup."""
    scope, rights = Scope(symbols), dict[Key, Right]()
    for name, flat in inputs_of(found, way).items():
        scope.bind(name, flat, before=name == "w" or name in found.optimizer.state)
    at_first, skipped = scope.names(), _skipped(found, way)
    for value in way.values:
        name, statement = value.name, found.written.get((value.function, value.line))
        # After an `if` that is not taken, state that it would have assigned is read under its new name here too.
        for other, (depth, line) in skipped.items():
            flat = scope.present.get(other, ())
            if statement and statement.depth < depth and statement.first > line and scope.is_before(flat):
                scope.bind(other, flat)
        if scope.present.get(name) == value.nodes:
            continue
        if not value.is_new:
            scope.bind(name, value.nodes, scope.is_before(value.nodes))
            continue
        if value.how == "argument" and all(node in scope.all for node in value.nodes):
            continue
        if not (statement and statement.is_loop):  # a counter is no formula
            key = value.function, value.line, name
            right = _right(value, name, scope.names(statement.reads if statement else frozenset()), symbols)
            rights[key] = right if rights.get(key) in (None, right) else Right(None)
        scope.bind(name, value.nodes)
    names = {**scope.names(), **at_first}
    return rights, {condition: mathml(condition, names) for condition in way.answers}


def _skipped(found: Followed, way: Way) -> dict[str, tuple[int, int]]:
    """The names that other ways assign and this one does not: the depth and line of the first such statement."""
    mine = {value.name for value in way.values if value.how == "local"}
    skipped: dict[str, tuple[int, int]] = {}
    for value in (value for other in found.ways for value in other.values if value.how == "local"):
        statement = found.written.get((value.function, value.line))
        if statement and value.name not in mine:
            skipped.setdefault(value.name, (statement.depth, statement.first))
    return skipped


def inputs_of(found: Followed, way: Way) -> dict[str, tuple[Node, ...]]:
    """The arguments of the step by name, as the nodes that the rule was called with."""
    made: dict[tuple[object, ...], Node] = {}
    for value in way.values:
        for node in value.nodes:
            if node.op == "input":
                made[node.args] = node
    grouped, owners = dict[str, list[Node]](), list[str]()
    for name, shape in found.traced.state.items():
        owners += [name] * int(np.prod(shape))
    for node in sorted(made.values(), key=lambda node: node.number):
        argument, place = node.args[0], node.args[-1]
        name = str(place if argument == "h" else argument)
        if argument == "s" and isinstance(place, int):
            name = owners[place]
        grouped.setdefault(name, []).append(node)
    return {name: tuple(flat) for name, flat in grouped.items()}


def _right(value: Value, name: str, names: Mapping[Node, Named], symbols: Mapping[str, Symbol]) -> Right:
    first = value.nodes[0]
    if size(first, names, MOST_SYMBOLS + 1) > MOST_SYMBOLS:
        return Right(None)
    if not all(size(node, names, MOST_SYMBOLS + 1) <= MOST_SYMBOLS and alike(first, node, names)
               for node in value.nodes[1:]):  # fmt: skip
        return Right(None)
    again = any(names[leaf].symbol == symbols[name] and not names[leaf].before for leaf in leaves(first, names))
    drawn = first not in names and first.op == "item" and first.parents[0].op == "draw"
    return Right(bracketed(first, names), "←" if again else "∼" if drawn else "=")


def leaves(node: Node, names: Mapping[Node, Named]) -> Iterator[Node]:
    """The named nodes that a formula stops at."""
    if node in names:
        yield node
    else:
        for parent in node.parents:
            yield from leaves(parent, names)


def _merged(ways: Sequence[tuple[Way, Right | None, Mapping[Node, str | None]]], depth: int = 0) -> Right | None:
    """One right-hand side for all ways: where they differ, cases by the answers to the ``if``s."""
    first, right, conditions = ways[0]
    if all(other == right for _, other, _ in ways):
        return right
    question = [*first.answers][depth]
    sides = [[way for way in ways if way[0].answers[question] is answer] for answer in (True, False)]
    then, otherwise = (_merged(side, depth + 1) for side in sides)
    if then is None or otherwise is None or then == otherwise:
        return then or otherwise
    condition = conditions[question]
    if then.markup is None or otherwise.markup is None or condition is None:
        return Right(None)
    sign = "=" if then.sign == otherwise.sign == "=" else "←"
    markup = cases([(then.markup, condition), (otherwise.markup, None)])
    return Right(markup if markup.count("<mtr>") <= MOST_CASES else None, sign)
