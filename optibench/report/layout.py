"""Where the parts of a picture lie: panels, names and numbers at the axes, crosses, legend. All sizes are inches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from optibench.plugin.figure import Figure
from optibench.report.lettering import shortened, width_of
from optibench.report.panels import Panel, Panels
from optibench.report.scales import ticks

#: matplotlib's settings for screens, and for columns of papers.
STYLE: Any = {
    "svg.hashsalt": "optibench",  # the same figure, the same bytes
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # fonts that can be edited, which journals ask for
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.0,
}
PAPER: Any = {**STYLE, "font.size": 8.0, "lines.linewidth": 1.1, "lines.markersize": 3.0, "grid.linewidth": 0.4}

#: A panel is at least this wide, or fewer stand side by side.
NARROWEST = 1.2
#: A cell is at least this wide at 9 points, so that a number has room in it.
CELL = 0.58
#: Between two rows of crosses; and at most so many rows.
CROSS, MOST_CROSSES = 0.11, 10


@dataclass(frozen=True)
class Style:
    """``widths``: of a picture with one panel, and with several; ``height`` of a panel; ``dpi`` of PNG.

    ``grows``: whether a picture may be wider than that, so that its cells have room.
    """

    rc: Mapping[str, Any]
    widths: tuple[float, float]
    height: float
    dpi: int
    grows: bool

    @property
    def size(self) -> float:
        """The font size in points."""
        return float(self.rc["font.size"])


STYLES = {"screen": Style(STYLE, (7.2, 12.3), 2.2, 120, True), "paper": Style(PAPER, (3.3, 6.9), 1.45, 300, False)}


@dataclass(frozen=True)
class Layout:
    """``left``, ``right``: room beside each panel; ``label``: left of all of them; ``line``: of a line of text.

    ``lanes``: of each row of panels the room for crosses; ``titles``: that and the facets' names; ``heights``: of the
    whole row. ``most``: about how many ticks x and y have. ``names``: what the legend says, by name the index of the
    colour, ``across`` of them side by side, each ``cell`` wide. ``turned``: the categories of x read upwards.
    """

    size: float
    line: float
    width: float
    columns: int
    panel: tuple[float, float]
    left: float
    right: float
    label: float
    most: tuple[int, int]
    turned: bool
    bar: bool
    lanes: list[float]
    titles: list[float]
    heights: list[float]
    names: dict[str, int]
    across: int
    cell: float

    @property
    def legend(self) -> float:
        return ceil(len(self.names) / self.across) * self.line + 0.1 if self.names else 0.0

    @property
    def height(self) -> float:
        return self.legend + sum(self.heights)

    def box(self, index: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel as shares of the picture."""
        row, column = divmod(index, self.columns)
        left = self.label + self.left + column * (self.left + self.panel[0] + self.right)
        top = self.legend + sum(self.heights[:row]) + self.titles[row]
        bottom = 1 - (top + self.panel[1]) / self.height
        return left / self.width, bottom, self.panel[0] / self.width, self.panel[1] / self.height


def layout(shown: Panels, style: Style) -> Layout:
    """The layout of a figure: as many panels side by side as are wide enough, at most three."""
    figure, shapes, size = shown.figure, shown.panels, style.size
    line = 1.5 * size / 72
    across = max((len(panel.columns) for panel in shapes if panel.columns is not None), default=0)
    down = max((len(panel.rows) for panel in shapes if panel.rows is not None), default=0)
    height = max(down * 1.15 * line, 0.8) if down else style.height
    most_y = max(3, int(height / 0.35))
    left = _widest([text for panel in shapes for text in _at_y(figure, panel, most_y)], size) + 0.18
    beside = [text for panel in shapes for one in panel.series for text in one.texts or ()]
    bar = figure.mark == "cells" and bool(beside)  # the colour says something else than the text
    right = 0.15 + 0.65 * bar
    if figure.mark == "interval":
        right += _widest(beside, size) + 0.25 * any(len(one.crosses) for panel in shapes for one in panel.series)
    label = line + 0.06 if figure.label("y") and not named_at_rows(figure) else 0.0
    wanted = across * CELL * size / 9 if across else NARROWEST
    columns, width = _columns(len(shapes), style, wanted, label, left + right)
    panel = (width - label) / columns - left - right
    below = _widest([shortened(name) for part in shapes for name in part.columns or ()], size)
    turned = below > 0.97 * panel / max(across, 1)
    lanes, titles, heights = _rows(shown, columns, line, height, 0.14 + (below if turned else line))
    names = _in_legend(shown)
    cell = _widest([shortened(name) for name in names], size) + 0.6
    return Layout(
        size, line, width, columns, (panel, height), left, right, label, (max(3, int(panel / 0.55)), most_y), turned,
        bar, lanes, titles, heights, names, max(min(int((width - 0.3) / cell), len(names)), 1), cell,
    )  # fmt: skip


def named_at_rows(figure: Figure) -> bool:
    """Whether the names of the series stand at the rows, so that neither label nor legend is needed."""
    return figure.mark == "interval" and figure.column("color") in (None, figure.column("y"))


def _at_y(figure: Figure, panel: Panel, most: int) -> list[str]:
    if panel.rows is not None:
        return [shortened(name) for name in panel.rows]
    return [text for _, text in ticks(panel.ylim, figure.scale("y"), panel.ends[1], most)]


def _widest(texts: list[str], size: float) -> float:
    return max((width_of(text, size) for text in texts), default=0.0)


def _columns(count: int, style: Style, wanted: float, label: float, beside: float) -> tuple[int, float]:
    """How many panels side by side, and the width of the picture: the narrowest where one panel has room."""
    for columns in range(min(count, 3), 0, -1):
        for width in style.widths[count > 1 :]:
            if (width - label) / columns - beside >= wanted:
                return columns, width
    return 1, max(style.widths[1], label + beside + (wanted if style.grows else NARROWEST))


def _rows(
    shown: Panels, columns: int, line: float, height: float, below: float
) -> tuple[list[float], list[float], list[float]]:
    """Of each row of panels the lane for crosses, the lane with the names, and the whole height."""
    shapes = shown.panels
    starts = range(0, len(shapes), columns)
    crossed = [sum(len(one.crosses) > 0 for one in panel.series) * (shown.value_axis == "y") for panel in shapes]
    most = [max(crossed[start : start + columns]) for start in starts]
    lanes = [min(count, MOST_CROSSES) * CROSS + 0.06 * (count > 0) for count in most]
    titles = [0.08 + lane + (line + 0.1) * any(panel.name for panel in shapes) for lane in lanes]
    labelled = [start + 2 * columns > len(shapes) for start in starts]  # a panel of the row has none below it
    label = line * bool(shown.figure.label("x"))
    heights = [title + height + below + label * last for title, last in zip(titles, labelled, strict=True)]
    return lanes, titles, heights


def _in_legend(shown: Panels) -> dict[str, int]:
    """The names in the legend and the indices of their colours."""
    if shown.figure.mark == "cells" or named_at_rows(shown.figure):
        return {}
    names = {one.name: one.colour for panel in shown.panels for one in panel.series if one.name}
    return dict(sorted(names.items(), key=lambda item: item[1]))
