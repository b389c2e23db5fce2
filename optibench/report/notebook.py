"""Results in a notebook: what they say at a glance, and one interactive figure of the page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import pandas as pd

from optibench.analysis.comparison import Compared
from optibench.errors import StoreError, quoted
from optibench.plugin.figure import Figure
from optibench.plugin.registry import Registry
from optibench.report.page import COMPUTED, SECTIONS, Extent, numbers, render

#: Pixels of a figure in a notebook.
HEIGHT = 640
#: The columns of the leaderboard that a notebook shows.
COLUMNS = ["rank", "optimizer", "mean_rank", "low", "high", "p_first", "first_on", "groups"]


@dataclass(frozen=True)
class Interactive:
    """A part of the page that a notebook shows; ``html`` is a page of its own."""

    html: str
    height: int = HEIGHT

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:{self.height}px;border:0" '
            'title="optibench"></iframe>'
        )


def interactive(results: Compared, tables: dict[str, pd.DataFrame], figure: Figure, registry: Registry) -> Interactive:
    """A figure as the page has it, with the methods to click. StoreError where it has nothing to show."""
    facts = numbers(figure, results)
    if facts is None:
        raise StoreError(f"figure {quoted(figure.name)} has nothing to show for these results; choose another")
    places = {name: id_ for id_, names in COMPUTED.items() for name in names}
    places |= {name: id_ for id_, (_, names) in SECTIONS.items() for name in names}
    extent = Extent((places.get(figure.name, "more"),), beside=False)
    return Interactive(render(results, tables, [], [facts], registry, extent))


def summary(verdict: pd.DataFrame, ranks: pd.DataFrame) -> str:
    """The verdict and the leaderboard, as HTML."""
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in verdict["sentence"].head(1))
    table = (
        ranks[COLUMNS].to_html(index=False, border=0, float_format=lambda value: f"{value:.3g}") if len(ranks) else ""
    )
    return f"{sentences}{table}"
