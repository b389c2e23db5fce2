"""The page of a rule: one offline file, static but for the parts that run the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import jinja2

from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.report.data import to_json
from optibench.report.facts import interval, number
from optibench.report.page import LIBRARY, static
from optibench.teaching.measured import Measured
from optibench.teaching.rule import rule_page
from optibench.teaching.sentences import short
from optibench.tracing.lineage import Change
from optibench.tracing.worked import Row

#: What the page uses of the report's scripts, in order, and its own.
SHARED = (
    *("text.js", "markup.js", "colours.js", "axes.js", "charts.js", "relief.js", "readout.js", "page.js"),
    "environment.js",
)
OWN = ("walk.js", "map.js", "lab.js", "sweeps.js", "lesson.js")
#: The words for what a rule does to a formula of its parent.
KINDS = {"same": "same", "renamed": "renamed", "changed": "changed", "new": "new", "gone": "gone"}
#: The rows of worked numbers, in words.
WHEN = {"before": "before the step", "line": "", "after": "after the step"}


@dataclass(frozen=True)
class Link:
    """A relative in the family strip."""

    name: str
    is_self: bool


def optimizer_page(name: str, registry: Registry) -> str:
    """The page of an optimizer, or of a wrapped one. UnknownName if there is no such rule."""
    return write_optimizer(name, registry)


def write_optimizer(name: str, registry: Registry, measured: Measured = Measured(), site: bool = False) -> str:
    """Likewise, with what was measured; ``site``: the page has others and the scripts that they share beside it."""
    page = rule_page(name, registry)
    rule, numbers = page.rule, page.numbers
    return template("rule.html.j2").render(
        name=rule.name,
        summary=_summary(rule),
        reference=rule.reference,
        formula=published(rule.formula),
        style=f"{static('page.css')}\n{own('lesson.css')}",
        site=site,
        scripts=[str(page.scripts)] if site else [shared_scripts(), str(page.scripts)],
        data=to_json(page.live),
        live=bool(page.live),
        reason=page.reason,
        line=[Link(name, name == rule.name) for name in (*page.family.ancestors(rule.name), rule.name)],
        children=page.family.children.get(rule.name, ()),
        lines=page.lesson.lines,
        lines_reason=page.lesson.reason,
        parent=page.parent.name if page.parent else "",
        changes=[(KINDS[change.kind], change) for change in page.different],
        kinds=_kinds(page.different),
        numbers=numbers,
        rows=[(_row_name(row), row) for row in numbers.rows] if numbers else [],
        settings=_settings(numbers.settings) if numbers else "",
        measured=measured,
        template=_own_rule(rule),
        owner=registry.owner("optimizer", rule.name),
    )


def _summary(rule: Optimizer) -> str:
    return rule.summary or "It has no docstring; what follows is derived from its code."


def _settings(settings: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in settings.items())


def _row_name(row: Row) -> str:
    words = WHEN[row.when]
    return f"{row.name} {words}".strip() if row.name in ("w", "f") else row.name


def _kinds(changes: tuple[Change, ...]) -> str:
    """How many formulas are the same, changed, new and gone."""
    counts = {kind: sum(change.kind == kind for change in changes) for kind in KINDS}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)


def published(formula: str) -> str:
    """The published formula as MathML; none where the plugin gives none, or none that can be read."""
    if not formula:
        return ""
    from latex2mathml.converter import convert  # heavy

    try:
        return str(convert(formula))
    except Exception:  # it has no common error
        return ""


def _own_rule(rule: Optimizer) -> str:
    """A plugin to start from: fifteen lines, with the rule as parent."""
    return f'''from optibench import hookimpl, optimizer


@optimizer(parent="{rule.name}")
def mine(w, g, m=0, *, lr=0.01, beta=0.9):
    """In one line, what is new."""
    m = beta * m + (1 - beta) * g
    return w - lr * m, m


@hookimpl
def optibench_optimizers():
    return [mine]
'''


def shared_scripts() -> str:
    """The scripts that are the same on every page, in order."""
    return "\n".join([static(LIBRARY), *map(static, SHARED), *map(own, OWN)])


@lru_cache
def own(name: str) -> str:
    """A style sheet or script of these pages."""
    return (files("optibench.teaching") / "static" / name).read_text(encoding="utf-8").strip()


@lru_cache
def template(name: str) -> jinja2.Template:
    """A page's template, which escapes every text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("optibench.teaching"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"digits": digits, "number": number, "interval": interval, "short": short}
    return environment.get_template(name)


def digits(value: float) -> str:
    """Five significant digits."""
    return f"{value:.5g}"
