"""Is a rule right? Parity with third-party traces, limiting cases that are other rules, the contract, its formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, nan

from optibench.errors import InputError, TraceError, reason
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.tracing import Untraceable, trace_rule
from optibench.verify.contract import CONTRACT
from optibench.verify.formula import formula
from optibench.verify.identities import identities
from optibench.verify.parity import parity


@dataclass(frozen=True)
class Check:
    """One comparison: with what, how far off, and how far off it may be."""

    optimizer: str
    kind: str  # trace, identity, contract or formula
    reference: str
    deviation: float
    tolerance: float
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.deviation <= self.tolerance


def verify(rule: Optimizer, registry: Registry) -> Iterator[Check]:
    """Every check that concerns a rule. A rule that raises fails the check; a bad trace file raises TraceError."""
    yield from _checked(rule, "trace", lambda: parity(rule))
    yield from _checked(rule, "identity", lambda: identities(rule, registry))
    for name, (check, concerns, tolerance) in CONTRACT.items():
        if concerns(rule):
            # The function is called before the loop goes on, so it sees its own check.
            yield from _checked(rule, "contract", lambda: iter([(name, check(rule), tolerance)]), name)  # noqa: B023
    try:
        traced = trace_rule(rule)
    except Untraceable as error:  # nothing is wrong: such a rule has pages without formulas
        yield Check(rule.name, "formula", "not traced", 0, 0, str(error))
    else:
        yield from _checked(rule, "formula", lambda: formula(rule, traced))


def _checked(
    rule: Optimizer, kind: str, checks: Callable[[], Iterator[tuple[str, float, float]]], name: str = ""
) -> Iterator[Check]:
    try:
        for reference, deviation, tolerance in checks():
            yield Check(rule.name, kind, reference, deviation if deviation == deviation else inf, tolerance)
    except TraceError:
        raise
    except InputError as error:
        yield Check(rule.name, kind, name or kind, nan, 0, str(error))
    except Exception as error:
        yield Check(rule.name, kind, name or kind, nan, 0, reason(error))
