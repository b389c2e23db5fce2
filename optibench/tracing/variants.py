"""A rule without one of its lines: what a line is for shows in what happens when it is left out.

A line that turns an array into another of its shape can be left out: what follows then reads the array that went in.
For `adam` these are the lines of m_hat and v_hat, the bias correction that is most often forgotten.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.types import Option
from optibench.tracing.follow import Followed, Value, Way, follow_rule
from optibench.tracing.formulas import inputs_of
from optibench.tracing.graph import Node, substituted
from optibench.tracing.mathml import MOST_SYMBOLS, size
from optibench.tracing.rules import Traced

#: What a formula is made of, but for names: two lines of one pattern belong together.
Pattern = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Variant:
    """The formulas of a rule without the lines that assign these names."""

    names: tuple[str, ...]
    traced: Traced

    @property
    def title(self) -> str:
        return f"without {' and '.join(self.names)}"


@dataclass(frozen=True, eq=False)
class _Omitted:
    """What stands in the place of the nodes of a line, and the pattern of its formula."""

    by: Mapping[Node, Node]
    pattern: Pattern


def variants(optimizer: Optimizer, options: Mapping[str, Option] | None = None) -> tuple[Variant, ...]:
    """The rule without each line that can be left out, then without all lines that do the same. Raises Untraceable."""
    found = follow_rule(optimizer, options)
    lines: dict[str, _Omitted | None] = {}
    for way in found.ways:
        for name, line in _omitted(found, way):
            earlier = lines.get(name, line)
            clash = not line or not earlier or any(earlier.by.get(node, to) is not to for node, to in line.by.items())
            lines[name] = None if clash or not line or not earlier else replace(line, by={**earlier.by, **line.by})
    usable = {name: line for name, line in lines.items() if line}
    groups: dict[Pattern, list[str]] = {}
    for name, line in usable.items():
        groups.setdefault(line.pattern, []).append(name)
    chosen = [*((name,) for name in usable), *(tuple(group) for group in groups.values() if len(group) > 1)]
    return tuple(
        _without(found, names, {k: v for name in names for k, v in usable[name].by.items()}) for names in chosen
    )


def _without(found: Followed, names: tuple[str, ...], by: Mapping[Node, Node]) -> Variant:
    formulas = {**found.traced.formulas, "step": substituted(found.step, by)}
    return Variant(names, replace(found.traced, formulas=formulas))


def _omitted(found: Followed, way: Way) -> Iterator[tuple[str, _Omitted | None]]:
    """The lines of one way by the name that they assign; None where the line cannot be left out."""
    owners: dict[Node, tuple[Node, ...]] = {}
    for flat in inputs_of(found, way).values():
        owners |= dict.fromkeys(flat, flat)
    for value in way.values:
        if value.how == "local" and value.name != "w":
            source = _source(value, owners)
            by = dict(zip(value.nodes, source or (), strict=False))
            yield value.name, _Omitted(by, _pattern(value.nodes[0], owners)) if source else None
        owners |= {node: value.nodes for node in value.nodes if node.op != "const"}


def _source(value: Value, owners: Mapping[Node, tuple[Node, ...]]) -> tuple[Node, ...] | None:
    """The only array that a value is made of, if it is as large as the value; numbers do not count.

    An array that is only divided by is not turned into another, and one in a condition only chooses.
    """
    count = len({*value.nodes})
    if count < len(value.nodes) or count == 1 or any(node in owners for node in value.nodes):
        return None
    arrays = {owners[leaf] for leaf in _leaves(value.nodes, owners) if len(owners[leaf]) > 1}
    (source,) = arrays if len(arrays) == 1 else ((),)
    return source if len(source) == count and source[0] in _leaves(value.nodes, owners, above=True) else None


def _leaves(nodes: Iterable[Node], owners: Container[Node], above: bool = False) -> set[Node]:
    """The named nodes that nodes are made of, conditions apart; ``above``: not below a fraction either."""
    found, todo = set[Node](), [*nodes]
    while todo:
        node = todo.pop()
        if node in found:
            continue
        found.add(node)
        if node not in owners:
            skipped = 1 if node.op == "where" else 0
            kept = 1 if above and node.op == "divide" else 0 if above and node.op == "reciprocal" else None
            todo += node.parents[skipped:kept]
    return {node for node in found if node in owners}


def _pattern(part: object, owners: Container[Node], top: bool = True) -> Pattern:
    """The operations and constants of a formula down to names; of a long formula only itself."""
    if top and isinstance(part, Node) and size(part, owners, MOST_SYMBOLS + 1) > MOST_SYMBOLS:
        return (part,)
    if isinstance(part, tuple):
        return tuple(_pattern(item, owners, False) for item in part)
    if not isinstance(part, Node):
        return (part,)
    if part.op == "input" or (part in owners and not top):
        return ("name",)
    return (part.op, *(_pattern(arg, owners, False) for arg in part.args))
