"""The marks of a figure in matplotlib: what each draws of a panel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from optibench.plugin.figure import Figure
from optibench.plugin.types import Array, Facts
from optibench.report.layout import Layout
from optibench.report.lettering import fitted, plain, width_of
from optibench.report.panels import Panel, Panels, look
from optibench.report.scales import Limits, placed, ticks

#: The colours of cells from low to high, and from low over a neutral value to high.
LOW_TO_HIGH = ("#0b4f94", "#7fb2e0", "#f5f8fc")
AROUND_MIDDLE = ("#c2410c", "#ffffff", "#0b4f94")


def stroke(colour: int) -> Facts:
    """matplotlib's colour and dash of a line."""
    color, dash = look(colour)
    return {"color": color, "linestyle": (0, dash) if dash else "-"}


def curves(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """A line for each series with its band; without a band its single runs, faintly."""
    steps = shown.figure.mark == "step"
    how: Facts = {"drawstyle": "steps-post"} if steps else {}
    for one in panel.series:
        color = look(one.colour)[0]
        x, y = _on_axes(one.x, one.y, shown, panel)
        marker: Facts = {"marker": "o"} if len(x) <= 15 and not steps else {}
        if one.low is not None and one.high is not None:
            low, high = (_band(end, shown, panel) for end in (one.low, one.high))
            axis.fill_between(x, low, high, color=color, alpha=0.12, lw=0, step="post" if steps else None)
        else:
            for run in one.runs:
                axis.plot(*_on_axes(*run, shown, panel), color=color, linewidth=0.6, alpha=0.35, label="_run", **how)
        axis.plot(x, y, label=plain(one.name), **stroke(one.colour), **marker, **how)


def paths(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """A line through the points of each series in order, on the contours of the panel's problem if there are any."""
    if panel.surface is not None:
        grid = panel.surface
        height = grid.to_numpy() - np.nanmin(grid.to_numpy())
        levels = np.geomspace(max(np.nanmax(height) * 1e-5, 1e-12), max(np.nanmax(height), 1e-11), 16)
        axis.contour(grid.columns, grid.index, height, levels=levels, colors="#888888", linewidths=0.5, alpha=0.7)
    for one in panel.series:
        x, y = _on_axes(one.x, one.y, shown, panel)
        axis.plot(x, y, label=plain(one.name), **stroke(one.colour))
        axis.plot(x[-1:], y[-1:], "o", color=look(one.colour)[0], label="_end")
    first = panel.series[0]
    axis.plot(first.x[:1], first.y[:1], "k*", markersize=8, label="_start")


def dots(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """A dot for each point, with its error bar if it has one."""
    for one in panel.series:
        color = look(one.colour)[0]
        x, y = _on_axes(one.x, one.y, shown, panel)
        if one.low is not None and one.high is not None:
            axis.vlines(x, _band(one.low, shown, panel), _band(one.high, shown, panel), color=color, linewidth=1)
        axis.plot(x, y, "o", color=color, label=plain(one.name))


def intervals(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """A row for each y: a dot, its interval, and a text on the right."""
    for one in panel.series:
        color = look(one.colour)[0]
        x, y = _on_axes(one.x, one.y, shown, panel)
        if one.low is not None and one.high is not None:
            scale = shown.figure.scale("x")
            low, high = (_clipped(placed(end, panel.xlim, scale), panel.xlim) for end in (one.low, one.high))
            axis.hlines(y, low, high, color=color, linewidth=2, alpha=0.6)
        axis.plot(x, y, "o", color=color, label=plain(one.name), markersize=5)
        for row, text in zip(y, one.texts or (), strict=False):
            axis.annotate(
                plain(text), (1, row), xycoords=axis.get_yaxis_transform(), xytext=(4 + 16 * _crossed(panel), 0),
                textcoords="offset points", va="center", color="#444444",
            )  # fmt: skip


def cells(axis: Axes, shown: Panels, panel: Panel, room: Layout) -> None:
    """A heat map: a number chooses the colour of a cell, its text stands in it if there is room."""
    across, down = len(panel.columns or ()), len(panel.rows or ())
    table = np.full((down, across), np.nan)
    (one,) = panel.series
    inside = np.isfinite(one.x) & np.isfinite(one.y)
    assert one.values is not None
    at = one.y[inside].astype(int), one.x[inside].astype(int)
    table[at] = one.values[inside]
    limits = shown.colours or (0.0, 1.0)
    scale = Normalize(*limits) if limits[0] < limits[1] else Normalize(limits[0] - 1, limits[0] + 1)
    colours = _colours(shown.figure)
    edges = np.arange(across + 1) - 0.5, np.arange(down + 1) - 0.5
    mesh = axis.pcolormesh(
        *edges, np.ma.masked_invalid(table), cmap=colours, norm=scale, edgecolors="white", linewidth=0.8
    )
    axis.grid(False)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    texts = one.texts or tuple("" if np.isnan(value) else f"{value:.3g}" for value in one.values)
    widest = max((width_of(text, room.size) for text in texts), default=0.0)
    small = room.size * min(1.0, 0.9 * room.panel[0] / max(across, 1) / widest if widest else 1.0)
    if small >= 5:
        for column, row, text, value in zip(one.x, one.y, texts, one.values, strict=True):
            dark = np.isfinite(value) and sum(colours(scale(value))[:3]) < 1.6
            color = "white" if dark else "#222222"
            axis.text(column, row, plain(text), ha="center", va="center", color=color, fontsize=small)
    if room.bar:
        _bar(axis, mesh, limits, shown, room)


def _bar(axis: Axes, mesh: QuadMesh, limits: Limits, shown: Panels, room: Layout) -> None:
    """What the colours of cells mean, to the right of them."""
    left, bottom, width, height = axis.get_position().bounds
    canvas = axis.get_figure(root=True)
    assert canvas is not None
    inch = 1 / room.width
    bar = canvas.colorbar(mesh, cax=canvas.add_axes((left + width + 0.1 * inch, bottom, 0.12 * inch, height)))
    at = ticks(limits, "linear", ("", ""), max(2, int(room.panel[1] / 0.35))) if limits[0] < limits[1] else []
    bar.set_ticks([value for value, _ in at], labels=[text for _, text in at])
    bar.outline.set_visible(False)
    bar.set_label(plain(fitted(shown.figure.label("color"), room.panel[1] + 0.3, room.size)))


def _colours(figure: Figure) -> Colormap:
    colours = AROUND_MIDDLE if "middle" in figure.encoding else LOW_TO_HIGH
    return LinearSegmentedColormap.from_list("cells", colours)


def _on_axes(x: Array, y: Array, shown: Panels, panel: Panel) -> tuple[Array, Array]:
    """Points where their axes have a place for them."""
    figure = shown.figure
    return placed(x, panel.xlim, figure.scale("x")), placed(y, panel.ylim, figure.scale("y"))


def _band(end: Array, shown: Panels, panel: Panel) -> Array:
    """The end of a band: an infinite one lies at the edge of the panel."""
    return _clipped(placed(end, panel.ylim, shown.figure.scale("y")), panel.ylim)


def _clipped(values: Array, span: Limits) -> Array:
    return np.where(np.isposinf(values), max(span), np.where(np.isneginf(values), min(span), values))


def _crossed(panel: Panel) -> bool:
    return any(len(one.crosses) for one in panel.series)


#: mark -> what draws it.
MARKS: dict[str, Callable[[Axes, Panels, Panel, Layout], None]] = {
    "curve": curves,
    "step": curves,
    "path": paths,
    "dots": dots,
    "cells": cells,
    "interval": intervals,
}
