"""Draw a declared figure with matplotlib: small multiples, by its encoding alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from optibench.plugin.figure import Figure
from optibench.plugin.types import Facts
from optibench.stored import Stored

#: Petroff 2021, arXiv:2107.02270: distinct for colour-blind readers; the dashes make lines distinct in print.
COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
DASHES: list[Any] = ["-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2))]
STYLE: Any = {
    "svg.hashsalt": "optibench",  # the same figure, the same bytes
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
}


def draw(figure: Figure, results: Stored) -> Canvas | None:
    """The picture of a figure, or None where it has nothing to show."""
    data = figure.data(results)
    if data is None or data.empty:
        return None
    encoding = figure.encoding
    facets = sorted(data[encoding["facet"]].unique())
    color = encoding["color"]
    styles = styles_of(sorted({*data[color], *results.reported.get(color, [])}))
    columns = min(len(facets), 3)
    rows = ceil(len(facets) / columns)
    marks: dict[str, Callable[..., None]] = {"curve": _curves, "path": _paths}
    with matplotlib.rc_context(STYLE):
        width, tall = max(4.1 * columns, 7.0), 3.1 + (columns == 1)
        across = max(int(width / 1.5), 1)  # names in a row of the legend
        top = 0.3 + 0.22 * ceil(len({*data[color]}) / across)
        canvas = Canvas(figsize=(width, tall * rows + top))
        axes = canvas.subplots(rows, columns, squeeze=False).ravel()
        _margins(canvas, rows, columns, top)
        for axis in axes[len(facets) :]:
            axis.remove()
        for axis, facet in zip(axes, facets, strict=False):
            axis.set_title(facet, fontsize=10, fontweight="bold", loc="left")
            axis.set(xlabel=encoding.get("x_label", encoding["x"]), ylabel=encoding.get("y_label", encoding["y"]))
            part = data[data[encoding["facet"]] == facet]
            marks[encoding["mark"]](axis, part, encoding, styles, results, facet)
        handles: dict[str, Any] = {}
        for axis in axes[: len(facets)]:
            for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
                handles.setdefault(name, handle)
        shown = sorted(handles)
        canvas.legend(
            [handles[name] for name in shown],
            shown,
            loc="upper center",
            ncols=max(min(len(shown), across), 1),
            frameon=False,
        )
    return canvas


def _margins(canvas: Canvas, rows: int, columns: int, top: float) -> None:
    """Room for labels between the facets, in inches: a layout engine would take longer than the drawing."""
    width, height = canvas.get_size_inches()
    left, right, bottom, between = 0.8, 0.15, 0.5, (0.8, 0.85)
    wide = (width - left - right - between[0] * (columns - 1)) / columns
    tall = (height - top - bottom - between[1] * (rows - 1)) / rows
    canvas.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height,
        wspace=between[0] / wide, hspace=between[1] / tall,
    )  # fmt: skip


#: By the name of a line: its colour and dash.
Styles = dict[str, dict[str, Any]]


def styles_of(names: list[str]) -> Styles:
    """A colour and a dash for each name, the same in every figure of a report."""
    return {
        name: {
            "color": COLOURS[index % len(COLOURS)],
            "linestyle": DASHES[(index + index // len(COLOURS)) % len(DASHES)],
        }
        for index, name in enumerate(names)
    }


def _curves(
    axis: Axes, data: pd.DataFrame, encoding: Mapping[str, str], styles: Styles, results: Stored, facet: str
) -> None:
    """A line with its band for each colour; infinite values are crosses at the upper edge."""
    finite = data[encoding["y"]].replace([np.inf, -np.inf], np.nan)
    log = encoding.get("y_scale") == "log"
    positive = finite[finite > 0]
    floor = 0.0
    if log and len(positive):
        floor = max(float(positive.min()), float(positive.max()) * 1e-16)
    crosses = []
    for name, part in data.groupby(encoding["color"], sort=True):
        part = part.sort_values(encoding["x"])
        x = part[encoding["x"]].to_numpy(float)
        y, low, high = (part[encoding[key]].to_numpy(float) for key in ("y", "low", "high"))
        if floor:
            y, low, high = (np.maximum(values, floor / 3) for values in (y, low, high))
        shown = np.where(np.isfinite(y), y, np.nan)
        marker: Facts = {"marker": "o", "markersize": 3} if len(x) <= 15 else {}
        axis.plot(x, shown, label=name, linewidth=1.6, **styles[str(name)], **marker)
        axis.fill_between(
            x, low, np.where(np.isfinite(high), high, shown), color=styles[str(name)]["color"], alpha=0.15, lw=0
        )
        crosses += [(value, name) for value in x[np.isinf(y)]]
    axis.set_xscale(encoding.get("x_scale", "linear"))
    ends = data[encoding["x"]].min(), data[encoding["x"]].max()
    if ends[0] == ends[1]:
        axis.set_xlim(ends[0] / 2, ends[0] * 2)
    if floor:
        axis.set_yscale("log")
    for index, (x_value, name) in enumerate(crosses):
        axis.plot(
            [x_value], [0.98 - 0.02 * (index % 4)], "x", color=styles[str(name)]["color"], markersize=5,
            transform=axis.get_xaxis_transform(), clip_on=False,
        )  # fmt: skip


def _paths(
    axis: Axes, data: pd.DataFrame, encoding: Mapping[str, str], styles: Styles, results: Stored, facet: str
) -> None:
    """A line through the points of each colour, on the contours of the facet's surface."""
    surface = results.surfaces[results.surfaces["problem"] == facet]
    if surface.empty:
        return
    grid = surface.pivot(index="y", columns="x", values="loss")
    height = grid.to_numpy() - np.nanmin(grid.to_numpy())
    levels = np.geomspace(max(np.nanmax(height) * 1e-5, 1e-12), np.nanmax(height), 16)
    axis.contour(grid.columns, grid.index, height, levels=levels, colors="#888888", linewidths=0.5, alpha=0.7)
    for name, part in data.groupby(encoding["color"], sort=True):
        x, y = part[encoding["x"]].to_numpy(float), part[encoding["y"]].to_numpy(float)
        axis.plot(x, y, label=name, linewidth=1.4, **styles[str(name)])
        axis.plot(x[-1:], y[-1:], "o", color=styles[str(name)]["color"], markersize=5)
    axis.plot(data[encoding["x"]].iloc[:1], data[encoding["y"]].iloc[:1], "k*", markersize=8)
    axis.set(xlim=(grid.columns.min(), grid.columns.max()), ylim=(grid.index.min(), grid.index.max()))
