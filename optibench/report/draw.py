"""Draw a figure's panels with matplotlib: small multiples, by their numbers alone."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from optibench.analysis.comparison import Compared
from optibench.errors import UnknownName
from optibench.plugin.figure import Figure
from optibench.report.layout import CROSS, MOST_CROSSES, STYLES, Layout, layout
from optibench.report.layout import PAPER as PAPER
from optibench.report.layout import STYLE as STYLE
from optibench.report.lettering import families, fitted, plain, shortened
from optibench.report.marks import MARKS, stroke
from optibench.report.panels import Panel, Panels, look, panels
from optibench.report.scales import Limits, ticks

#: What a file would otherwise say of when and by which version it was made.
METADATA: dict[str, Any] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


class Picture(Canvas):
    """A figure of matplotlib that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        return save(self, "png")


def draw(figure: Figure, results: Compared, style: str = "screen") -> Canvas | None:
    """The picture of a figure, or None where it has nothing to show; ``style`` is screen or paper."""
    return paint(panels(figure, results), style)


def paint(shown: Panels, style: str = "screen") -> Canvas | None:
    """The picture of panels, or None where there are none. UnknownName if there is no such style."""
    if style not in STYLES:
        raise UnknownName("style", style, STYLES)
    if not shown.panels:
        return None
    with _settings(style, _words(shown)):
        room = layout(shown, STYLES[style])
        canvas = Picture(figsize=(room.width, room.height))
        _legend(canvas, room)
        for index, panel in enumerate(shown.panels):
            _panel(canvas.add_axes(room.box(index)), shown, panel, room, index)
    return canvas


def save(canvas: Canvas, kind: str, style: str = "screen") -> bytes:
    """A picture as png, svg or pdf: the same figure, the same bytes."""
    buffer = io.BytesIO()
    with _settings(style):
        canvas.savefig(buffer, format=kind, dpi=STYLES[style].dpi, metadata=METADATA[kind])
    return buffer.getvalue()


@contextmanager
def _settings(style: str, words: str = "") -> Iterator[None]:
    """matplotlib's settings of a style. A character that no font has is an empty box, not a warning for each."""
    settings: Any = {**STYLES[style].rc, "font.family": families(words)}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s)Glyph .* missing")
        yield


def _words(shown: Panels) -> str:
    """Every text of a figure."""
    texts = [shown.figure.label(axis) for axis in ("x", "y", "color")]
    for panel in shown.panels:
        texts += [panel.name, *(panel.columns or ()), *(panel.rows or ())]
        texts += [text for one in panel.series for text in (one.name, *(one.texts or ()))]
    return "".join(texts)


def _legend(canvas: Canvas, room: Layout) -> None:
    """All names above the panels, in rows."""
    for index, (name, colour) in enumerate(room.names.items()):
        row, column = divmod(index, room.across)
        x, y = 0.15 + column * room.cell, 1 - (row + 0.6) * room.line / room.height
        ends = [x / room.width, (x + 0.32) / room.width]
        canvas.add_artist(Line2D(ends, [y, y], **stroke(colour)))
        canvas.text((x + 0.38) / room.width, y, plain(shortened(name)), va="center")


def _panel(axis: Axes, shown: Panels, panel: Panel, room: Layout, index: int) -> None:
    figure, (width, height) = shown.figure, room.panel
    row, column = divmod(index, room.columns)
    if panel.name:
        beside = room.right + room.left * (column < room.columns - 1) - 0.05
        name = plain(fitted(panel.name, width + beside, room.size * 1.2))  # bold is wider
        axis.set_title(name, fontweight="bold", loc="left", pad=4 + 72 * room.lanes[row], fontsize=room.size)
    _ticks(axis, shown, panel, room)
    if column == 0 and room.label:
        axis.set_ylabel(plain(fitted(figure.label("y"), height + 2 * (room.legend + room.titles[0]) - 0.1, room.size)))
    if index + room.columns >= len(shown.panels):
        axis.set_xlabel(plain(fitted(figure.label("x"), width + room.left + room.right, room.size)))
    MARKS[figure.mark](axis, shown, panel, room)
    _crosses(axis, shown, panel, room)
    along: Callable[..., object] = axis.axvline if shown.value_axis == "x" else axis.axhline
    for value in panel.references:
        along(value, color="#666666", linestyle=(0, (1, 2)), linewidth=0.8, zorder=1, label="_reference")


def _ticks(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """Scales, limits and ticks of both axes; the categories of an axis are its ticks."""
    for index, (side, span, names) in enumerate((("x", panel.xlim, panel.columns), ("y", panel.ylim, panel.rows))):
        lines, scale = (axis.xaxis, axis.yaxis)[index], shown.figure.scale(side)
        if names is not None:
            at = [(float(place), plain(shortened(name))) for place, name in enumerate(names)]
        else:
            at = ticks(span, scale, panel.ends[index], room.most[index])
            (axis.set_xscale, axis.set_yscale)[index](scale)
        lines.set_major_locator(_Places([value for value, _ in at]))
        lines.set_major_formatter(FixedFormatter([text for _, text in at]))
        lines.set_minor_locator(NullLocator())
        (axis.set_xlim, axis.set_ylim)[index](*span)
    if room.turned:
        axis.tick_params(axis="x", labelrotation=90)


class _Places(FixedLocator):
    """Ticks at given places, on axes of any limits: others take very small ones for a single number and widen them."""

    def nonsingular(self, v0: float, v1: float) -> Limits:
        return v0, v1


def _crosses(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """Infinite values outside the axes: above, a row for each series; to the right of intervals."""
    crossed = [one for one in panel.series if len(one.crosses)]
    for index, one in enumerate(crossed):
        if shown.value_axis == "x":
            x, y = np.full(len(one.crosses), 1 + 0.12 / room.panel[0]), one.crosses
            transform = axis.get_yaxis_transform()
        else:
            above = 0.09 + CROSS * (index % MOST_CROSSES)
            x, y = one.crosses, np.full(len(one.crosses), 1 + above / room.panel[1])
            transform = axis.get_xaxis_transform()
        color = look(one.colour)[0]
        crosses = Line2D(x, y, marker="x", linestyle="", color=color, markersize=4.5, markeredgewidth=1.2)
        crosses.set(transform=transform, clip_on=False, label="_cross")
        axis.add_artist(crosses)
    if crossed and shown.value_axis == "y":
        middle = 0.09 + CROSS / 2 * (min(len(crossed), MOST_CROSSES) - 1)
        axis.text(
            -0.06 / room.panel[0], 1 + middle / room.panel[1], "∞", ha="right", va="center", color="#666666",
            transform=axis.transAxes,
        )  # fmt: skip
