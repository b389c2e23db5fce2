"""Rules as formulas: an optimizer's or problem's own function, run once on symbols, becomes a graph and JavaScript."""

from __future__ import annotations

from optibench.tracing.evaluate import evaluate
from optibench.tracing.graph import Untraceable
from optibench.tracing.javascript import PRELUDE, javascript
from optibench.tracing.rules import Traced, trace_problem, trace_rule

__all__ = ["PRELUDE", "Traced", "Untraceable", "evaluate", "javascript", "trace_problem", "trace_rule"]
