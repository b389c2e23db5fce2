"""What a rule changes of the rule that it comes from, line by line, and the family that such parents make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.tracing.follow import Followed, follow_rule
from optibench.tracing.formulas import formulas
from optibench.tracing.notation import Symbol


@dataclass(frozen=True)
class Change:
    """The formulas of one assigned name in two rules, as MathML; None is one that is too long to be read.

    ``kind``: ``same``; ``renamed``, the same but for the names of hyperparameters; ``changed``; ``new``, which the
    parent has not; ``gone``, which only the parent has.
    """

    name: str
    kind: str
    before: tuple[str | None, ...]  # of the parent
    after: tuple[str | None, ...]


@dataclass(frozen=True)
class _Assigned:
    """How a rule computes a name: formulas, formulas with hyperparameters numbered, and statements."""

    formulas: tuple[str | None, ...]
    numbered: tuple[str | None, ...]
    texts: tuple[str, ...]


def changes(optimizer: Optimizer, parent: Optimizer) -> tuple[Change, ...]:
    """The formulas of both by assigned name, the parent's first and w last. Raises Untraceable."""
    ours, theirs = _assigned(optimizer), _assigned(parent)
    names = dict.fromkeys([*theirs, *ours])
    ordered = [*(name for name in names if name != "w"), *(["w"] if "w" in names else [])]
    return tuple(_change(name, theirs.get(name), ours.get(name)) for name in ordered)


def _change(name: str, before: _Assigned | None, after: _Assigned | None) -> Change:
    kind = "changed"
    if before is None or after is None:
        kind = "new" if before is None else "gone"
    elif None in (*before.formulas, *after.formulas):  # not read, so the code decides
        kind = "same" if before.texts == after.texts and before.formulas == after.formulas else "changed"
    elif before.formulas == after.formulas:
        kind = "same"
    elif before.numbered == after.numbered:
        kind = "renamed"
    return Change(name, kind, before.formulas if before else (), after.formulas if after else ())


def _assigned(optimizer: Optimizer) -> dict[str, _Assigned]:
    found = follow_rule(optimizer)
    marks = {name: Symbol(f"<mi>⟨{i}⟩</mi>") for i, name in enumerate(optimizer.hyperparameters)}
    plain, marked = formulas(found), formulas(found, marks)
    names = dict.fromkeys(name for _, _, name in plain)
    return {name: _of(name, found, plain, marked) for name in names}


def _of(
    name: str,
    found: Followed,
    plain: Mapping[tuple[int, int, str], str | None],
    marked: Mapping[tuple[int, int, str], str | None],
) -> _Assigned:
    keys = [key for key in plain if key[2] == name]
    statements = [found.written.get(key[:2]) for key in keys]
    # Without its source a statement is no other's.
    texts = tuple(
        one.text if one else f"{found.optimizer.name} {key}" for one, key in zip(statements, keys, strict=True)
    )
    return _Assigned(tuple(plain[key] for key in keys), tuple(_numbered(marked[key]) for key in keys), texts)


def _numbered(markup: str | None) -> str | None:
    """A formula with its hyperparameters numbered in the order in which they appear."""
    order: dict[str, int] = {}
    return markup and re.sub("⟨[0-9]+⟩", lambda match: f"⟨{order.setdefault(match[0], len(order))}⟩", markup)


@dataclass(frozen=True)
class Family:
    """Optimizers by the rule that they change: those that change none, and the children of each, in their order."""

    roots: tuple[str, ...]
    children: Mapping[str, tuple[str, ...]]

    def ancestors(self, name: str) -> tuple[str, ...]:
        """The line of parents of an optimizer, from a root down, without itself."""
        parents = {child: parent for parent, children in self.children.items() for child in children}
        line: list[str] = []
        while name in parents and parents[name] not in line:
            name = parents[name]
            line.insert(0, name)
        return tuple(line)


def family(registry: Registry) -> Family:
    """The registered optimizers by parent. One whose parent is not registered is a root, and so is one of a circle."""
    rules: Mapping[str, Optimizer] = registry["optimizer"]
    parents = {name: rule.parent for name, rule in rules.items() if rule.parent in rules}
    for name in rules:
        line = [name]
        while line[-1] in parents and parents[line[-1]] not in line:
            line.append(parents[line[-1]])
        if parents.get(line[-1]) == name:
            del parents[name]
    children = {name: tuple(child for child in rules if parents.get(child) == name) for name in rules}
    return Family(tuple(name for name in rules if name not in parents), children)
