"""The page of an activation, a loss or a schedule, or of several of a type side by side: one offline file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optibench.errors import SettingError
from optibench.plugin.functions import Activation, Function, Loss, Schedule
from optibench.plugin.registry import Registry
from optibench.report.data import to_json
from optibench.report.page import LIBRARY, static
from optibench.teaching.activation import activation_sections
from optibench.teaching.loss import loss_sections
from optibench.teaching.page import own, published, template
from optibench.teaching.schedule import schedule_sections
from optibench.teaching.sections import Section
from optibench.tracing import Untraceable
from optibench.tracing.elementwise import trace_elementwise
from optibench.tracing.source import NoSource, Statement, statements

#: What the page uses of the report's scripts, in order.
SHARED = ("text.js", "markup.js", "colours.js", "axes.js", "charts.js", "readout.js", "page.js")
#: More lines than this in a chart cannot be told apart, as there are 8 colours.
MOST = 8


@dataclass(frozen=True)
class Shown:
    """What the page says of one plugin itself. ``traced``: its formulas, derived from the code, in MathML."""

    name: str
    summary: str
    reference: str
    owner: str
    formula: str
    lines: tuple[Statement, ...]
    traced: tuple[str, ...]
    reason: str


def activation_page(names: str, registry: Registry) -> str:
    """The page of an activation, or of several with commas between. UnknownName; PluginError if one does not work."""
    plugins: list[Activation] = _plugins("activation", names, registry)
    return _page("activation", plugins, activation_sections(plugins), registry)


def loss_page(names: str, registry: Registry) -> str:
    """The page of a loss, or of several with commas between. UnknownName; PluginError if one does not work."""
    plugins: list[Loss] = _plugins("loss", names, registry)
    return _page("loss", plugins, loss_sections(plugins), registry)


def schedule_page(names: str, registry: Registry) -> str:
    """The page of a schedule, or of several with commas between. UnknownName; PluginError if one does not work."""
    plugins: list[Schedule] = _plugins("schedule", names, registry)
    return _page("schedule", plugins, schedule_sections(plugins), registry)


def names_of(text: str) -> list[str]:
    """The names in a text with commas, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",")))


def _plugins(kind: str, names: str, registry: Registry) -> list[Any]:
    found = [registry.get(kind, name) for name in names_of(names)]
    if len(found) > MOST:
        raise SettingError(f"'{names}' are {len(found)} {kind} plugins; a page shows up to {MOST} side by side")
    return found


def _page(kind: str, plugins: Sequence[Function], sections: Sequence[Section], registry: Registry) -> str:
    shown = [_shown(kind, plugin, registry) for plugin in plugins]
    return template("piece.html.j2").render(
        kind=kind,
        title=", ".join(plugin.name for plugin in plugins),
        plugins=shown,
        sections=sections,
        code_says=_code_says(shown),
        style=f"{static('page.css')}\n{own('lesson.css')}",
        scripts=[static(LIBRARY), *map(static, SHARED), own("sections.js")],
        data=to_json({"sections": [section.facts() for section in sections]}),
    )


def _code_says(shown: Sequence[Shown]) -> str:
    if any(one.traced for one in shown):
        return "The body of the function, and the formulas that its code computes."
    return "The body of the function, as the plugin has it."


def _shown(kind: str, plugin: Function, registry: Registry) -> Shown:
    lines, traced, reason = tuple[Statement, ...](), tuple[str, ...](), ""
    try:
        lines = tuple(statements(plugin.function))
    except NoSource as error:
        reason = f"No lines: {error}."
    if kind == "activation":
        try:
            traced = trace_elementwise(plugin.function, "z", ("a", "slope"))
        except Untraceable as error:
            reason = f"{reason} No formulas from the code: {error}.".strip()
    return Shown(
        plugin.name,
        _docstring(plugin),
        plugin.reference,
        registry.owner(kind, plugin.name),
        published(plugin.formula),
        lines,
        traced,
        reason,
    )


def _docstring(plugin: Function) -> str:
    return plugin.summary.replace("``", "") or "It has no docstring; what follows is derived from its code."
