"""Rules as formulas: an optimizer's or problem's own function, run once on symbols, becomes a graph and JavaScript.

From the same symbols comes what a page can say of a rule line by line: formulas in MathML, the values after each line,
the rule without a line, and what it changes of its parent.
"""

from __future__ import annotations

from optibench.tracing.evaluate import evaluate
from optibench.tracing.graph import Untraceable
from optibench.tracing.javascript import PRELUDE, javascript
from optibench.tracing.lineage import changes, family
from optibench.tracing.lines import lesson_lines, step_lines
from optibench.tracing.rules import Traced, trace_problem, trace_rule
from optibench.tracing.variants import variants
from optibench.tracing.worked import worked

__all__ = [
    "PRELUDE", "Traced", "Untraceable", "changes", "evaluate", "family", "javascript", "lesson_lines", "step_lines",
    "trace_problem", "trace_rule", "variants", "worked",
]  # fmt: skip
