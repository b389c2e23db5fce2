"""What a figure shows, as numbers: panels with limits and series. Every renderer draws these and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Compared
from optibench.errors import UnknownName
from optibench.plugin.figure import Figure
from optibench.plugin.types import Array, Facts
from optibench.report.scales import Ends, Limits, limits

#: Light set of the pages: 3:1 on white, at least 20 apart in CAM02-UCS for all kinds of colour vision.
COLOURS = ("#0095ff", "#ff5595", "#aa8000", "#6a15d4", "#405500", "#80406a", "#00006a", "#2a1500")
#: Lengths of strokes and gaps in points; the first is solid.
DASHES = ((), (7, 3), (2, 2.5), (8, 3, 2, 3), (12, 3), (4, 2), (1, 3), (9, 2, 2, 2, 2, 2))


#: Digits of numbers along y that are only drawn; x, which units are factors of, has one more.
DRAWN = 3


def look(index: int) -> tuple[str, tuple[float, ...]]:
    """The colour and the dash of a method by its index: from the ninth on colours repeat with other dashes."""
    return COLOURS[index % 8], DASHES[(index + index // 8) % 8]


@dataclass(frozen=True)
class Series:
    """What one colour shows in a panel. All arrays are (n,), NaN where something is absent.

    ``colour`` is the index of its colour, ``method`` that of its method (None if it is no method). Positions on an axis
    of categories are indices. ``runs``: (x, y) of every single run. ``crosses``: positions, on the other axis, of
    infinite values. ``units``: x in every unit. ``values``, ``texts``: of cells and intervals.
    """

    name: str
    colour: int
    method: int | None
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    runs: tuple[tuple[Array, Array], ...] = ()
    crosses: Array = field(default_factory=lambda: np.empty(0))
    units: dict[str, Array] = field(default_factory=dict)
    values: Array | None = None
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Panel:
    """One facet. ``xlims``: limits of x in every unit; ``columns``, ``rows``: categories of x and y, if any."""

    name: str
    xlim: Limits
    ylim: Limits
    series: tuple[Series, ...]
    references: tuple[float, ...] = ()
    columns: tuple[str, ...] | None = None
    rows: tuple[str, ...] | None = None
    xlims: dict[str, Limits] = field(default_factory=dict)
    ends: tuple[Ends, Ends] = (("", ""), ("", ""))  # what the ends of x and y say: "0", "≤ 0"
    surface: pd.DataFrame | None = None  # a path's: losses, y by x


@dataclass(frozen=True)
class Panels:
    """A figure with its numbers. ``methods``: names by index; ``colours``: limits of the numbers of cells."""

    figure: Figure
    panels: tuple[Panel, ...]
    methods: tuple[str, ...] = ()
    sentence: str = ""
    colours: Limits | None = None

    @property
    def value_axis(self) -> str:
        """The axis on which values, intervals and references lie: x for intervals."""
        return "x" if self.figure.mark == "interval" else "y"

    def facts(self) -> Facts:
        """The figure for JSON, numbers with 4 significant digits: null is absent, Python's inf infinite.

        A series has ``o`` (the index of its method, or its name and the index ``c`` of a colour), ``x y l h`` (position
        and ends), ``r`` (single runs: y alone if x is that of the series, else [x, y]), ``cross``, ``u`` (x in every
        unit: a factor, or a list), and of cells ``v`` and ``t`` (number and text). ``ends`` says what the ends of the
        axes say where numbers lie on the axis that a scale has no place for.
        """
        figure = self.figure
        facts: Facts = {
            "name": figure.name, "title": figure.title, "caption": figure.caption, "sentence": self.sentence,
            "mark": figure.mark, "again": figure.encoding.get("again"),
            "x": {"label": figure.label("x"), "scale": figure.scale("x"), "units": [*figure.units]},
            "y": {"label": figure.label("y"), "scale": figure.scale("y")},
        }  # fmt: skip
        if self.colours is not None:
            limits, middle = _rounded(self.colours), figure.encoding.get("middle")
            facts["color"] = {"label": figure.label("color"), "limits": limits, "middle": middle}
        return {**facts, "facets": [_facet(panel) for panel in self.panels]}


def panels(figure: Figure, results: Compared) -> Panels:
    """The numbers of a figure: no panel where it has nothing to show. PluginError where a column is missing."""
    frame = figure.data(results)
    if frame is None or frame.empty:
        return Panels(figure, ())
    _check(figure, frame)
    methods = tuple(results.compare().methods)
    names = _index(figure, frame, methods)
    facet = figure.column("facet")
    parts = [(str(name), frame[frame[facet] == name]) for name in _ordered(frame[facet])] if facet else [("", frame)]
    made = [_panel(figure, name, part, names, methods) for name, part in parts]
    if figure.mark == "path":
        made = [_on_surface(panel, results.surfaces) for panel in made]
    return Panels(
        figure,
        tuple(panel for panel in made if panel.series),
        methods,
        str(figure.sentence(frame)) if figure.sentence else "",
        _colour_limits(figure, frame) if figure.mark == "cells" else None,
    )


def _check(figure: Figure, frame: pd.DataFrame) -> None:
    keys = {key: figure.encoding[key] for key in ("x", "y", "low", "high", "color", "facet", "run", "text")
            if key in figure.encoding}  # fmt: skip
    lists: list[tuple[str, object]] = [("x_units", name) for name in figure.units.values()]
    lists += [("references", name) for name in figure.references if isinstance(name, str)]
    lists += [("cross", figure.encoding["cross"])] if isinstance(figure.encoding.get("cross"), str) else []
    for key in ("x", "y", *(("color",) if figure.mark == "cells" else ())):
        if key not in keys:
            raise figure.error(f"its encoding has no {key}; name the column")
    for key, name in [*keys.items(), *lists]:
        if name not in frame:
            raise figure.error(UnknownName(f"column of its frame, for {key},", name, map(str, frame.columns)))


def _ordered(column: pd.Series) -> list[object]:
    """The values of a column, sorted; as text where they cannot be compared."""
    values = column.dropna().unique().tolist()
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=str)


def _index(figure: Figure, frame: pd.DataFrame, methods: Sequence[str]) -> dict[object, int]:
    """The index of the colour of every series: that of the method; of other names behind them, or from 0."""
    color = figure.column("color")
    if color is None or figure.mark == "cells":
        return {}
    names = _ordered(frame[color])
    places = {name: index for index, name in enumerate(methods)}
    others = [name for name in names if name not in places]
    first = len(methods) if len(others) < len(names) else 0
    return {**{name: places[str(name)] for name in names if name in places},
            **{name: first + index for index, name in enumerate(others)}}  # fmt: skip


def _panel(figure: Figure, name: str, frame: pd.DataFrame, names: dict[object, int], methods: Sequence[str]) -> Panel:
    references = _references(figure, frame)
    x, columns = _positions(frame[str(figure.column("x"))], figure.mark == "cells")
    y, rows = _positions(frame[str(figure.column("y"))], figure.mark in ("cells", "interval"))
    color, series = figure.column("color"), []
    groups: list[tuple[object, int, Array]] = [("", 0, np.arange(len(frame)))]
    if names and color:
        groups = [
            (value, index, np.flatnonzero((frame[color] == value).to_numpy()))
            for value, index in sorted(names.items(), key=lambda item: item[1])
        ]
    for value, index, where in groups:
        one = _series(figure, frame.iloc[where], x[where], y[where])
        if one is not None:
            method = index if value in methods else None
            series.append(Series(str(value), index, method, **one))
    xlim, x_ends = _axis(series, "x", figure, columns)
    ylim, y_ends = _axis(series, "y", figure, rows)
    low, high = sorted(xlim if figure.mark == "interval" else ylim)
    within = tuple(value for value in references if low <= value <= high)  # others would stretch the axis
    others = {unit: limits([one.units[unit] for one in series], figure.scale("x"))[0] for unit in figure.units}
    return Panel(name, xlim, ylim, tuple(series), within, columns, rows, others, (x_ends, y_ends))


def _positions(column: pd.Series, categories: bool) -> tuple[Array, tuple[str, ...] | None]:
    """Numbers, and None; or indices into categories, which are in the order of the frame."""
    if not categories:
        try:
            return pd.to_numeric(column).to_numpy(float, na_value=np.nan), None
        except (ValueError, TypeError):
            pass  # text
    texts = column.astype(object).where(column.notna(), None)
    names = [value for value in dict.fromkeys(texts) if value is not None]
    place = {value: float(index) for index, value in enumerate(names)}
    return np.array([place.get(value, np.nan) for value in texts]), tuple(map(str, names))


def _series(figure: Figure, frame: pd.DataFrame, x: Array, y: Array) -> Facts | None:
    """The arguments of a Series; None where nothing of it can be drawn."""
    interval = figure.mark == "interval"
    value, place = (x, y) if interval else (y, x)
    infinite = np.isinf(value) | _crossed(figure, frame, value)
    run = figure.column("run")
    single = frame[run].notna().to_numpy() if run else np.zeros(len(frame), bool)
    there = np.isfinite(place)
    summary = np.flatnonzero(there & ~single)
    runs: list[tuple[Array, Array]] = []
    if run:
        codes, names = pd.factorize(frame[run])
        for code in range(len(names)):
            of_run = _in_order(figure, x, np.flatnonzero(there & (codes == code)))
            runs.append((x[of_run], np.where(infinite, np.nan, y)[of_run]))
    if not len(summary) and not runs:
        return None
    summary = _in_order(figure, x, summary)
    ends = {
        key: np.where(infinite, np.nan, pd.to_numeric(frame[name]).to_numpy(float, na_value=np.nan))[summary]
        for key in ("low", "high") if (name := figure.column(key))
    }  # fmt: skip
    shown = np.where(infinite, np.nan, value)
    if np.isnan(shown).all() and not infinite.any() and not runs and figure.mark != "cells":
        return None
    text, color = figure.column("text"), figure.column("color")
    return {
        "x": (shown if interval else x)[summary],
        "y": (y if interval else shown)[summary],
        **ends,
        "runs": tuple(runs),
        "crosses": place[summary][infinite[summary]],
        "units": {unit: frame[name].to_numpy(float)[summary] for unit, name in figure.units.items()},
        "values": pd.to_numeric(frame[color]).to_numpy(float)[summary] if figure.mark == "cells" else None,
        "texts": tuple("" if pd.isna(cell) else str(cell) for cell in frame[text].iloc[summary]) if text else None,
    }


def _crossed(figure: Figure, frame: pd.DataFrame, value: Array) -> Array:
    """(n,): where the key ``cross`` asks for one."""
    cross = figure.encoding.get("cross")
    if isinstance(cross, str):
        return frame[cross].eq(True).to_numpy()
    return np.zeros(len(frame), bool) if cross is None else value >= float(str(cross))


def _in_order(figure: Figure, x: Array, indices: Array) -> Array:
    """Along x, where a line is a function of it."""
    return indices[np.argsort(x[indices], kind="stable")] if figure.mark in ("curve", "step") else indices


def _references(figure: Figure, frame: pd.DataFrame) -> list[float]:
    values: set[float] = set()
    for item in figure.references:
        values |= {*frame[item].dropna().astype(float)} if isinstance(item, str) else {float(str(item))}
    return sorted(value for value in values if np.isfinite(value))


def _axis(
    series: Sequence[Series], axis: str, figure: Figure, categories: tuple[str, ...] | None
) -> tuple[Limits, Ends]:
    """The limits of an axis over all that is drawn, and what its ends say. The first category of y is on top."""
    if categories is not None:
        end = len(categories) - 0.5
        return ((-0.5, end) if axis == "x" else (end, -0.5)), ("", "")
    drawn = [s.x if axis == "x" else s.y for s in series]
    if series and series[0].low is None:  # a renderer shows single runs instead of a band, not to widen the axes
        drawn += [run[axis == "y"] for s in series for run in s.runs]
    if axis == ("x" if figure.mark == "interval" else "y"):
        drawn += [end for s in series for end in (s.low, s.high) if end is not None]
    return limits(drawn, figure.scale(axis))


def _on_surface(panel: Panel, surfaces: pd.DataFrame) -> Panel:
    """A path lies on the contours of its problem and has the limits of the surface, if there is one."""
    part = surfaces[surfaces["problem"] == panel.name]
    if part.empty:
        return panel
    grid = part.pivot(index="y", columns="x", values="loss")
    xlim = float(grid.columns.min()), float(grid.columns.max())
    ylim = float(grid.index.min()), float(grid.index.max())
    return replace(panel, xlim=xlim, ylim=ylim, surface=grid)


def _colour_limits(figure: Figure, frame: pd.DataFrame) -> Limits:
    """The numbers of all cells; the same distance on both sides of a neutral value."""
    values = pd.to_numeric(frame[str(figure.column("color"))]).to_numpy(float)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    middle = figure.encoding.get("middle")
    if middle is None:
        return low, high
    distance = max(high - float(str(middle)), float(str(middle)) - low)
    return float(str(middle)) - distance, float(str(middle)) + distance


def _facet(panel: Panel) -> Facts:
    facts: Facts = {"name": panel.name, "xlim": _rounded(panel.xlim, 9), "ylim": _rounded(panel.ylim, 9)}
    more = {"columns": panel.columns, "rows": panel.rows}
    facts |= {key: [*names] for key, names in more.items() if names is not None}
    facts |= {"references": _rounded(panel.references)} if panel.references else {}
    facts |= {"ends": [[*pair] for pair in panel.ends]} if any(map(any, panel.ends)) else {}
    facts |= {"xlims": {unit: _rounded(span, 9) for unit, span in panel.xlims.items()}} if panel.xlims else {}
    return {**facts, "series": [_series_facts(one) for one in panel.series]}


def _series_facts(one: Series) -> Facts:
    facts: Facts = {"o": one.method} if one.method is not None else {"o": one.name, "c": one.colour}
    facts |= {"x": _rounded(one.x), "y": _rounded(one.y, DRAWN)}
    more = {"l": one.low, "h": one.high, "v": one.values}
    facts |= {key: _rounded(values, DRAWN) for key, values in more.items() if values is not None}
    if one.runs:
        facts["r"] = [_rounded(y, DRAWN) if _same(x, one.x) else [_rounded(x), _rounded(y, DRAWN)] for x, y in one.runs]
    facts |= {"t": [*one.texts]} if one.texts else {}
    facts |= {"cross": _rounded(one.crosses)} if len(one.crosses) else {}
    return facts | ({"u": {unit: _unit(one.x, values) for unit, values in one.units.items()}} if one.units else {})


def _same(x: Array, other: Array) -> bool:
    """Whether a run has the points of the series, or the first of them."""
    return np.array_equal(x, other[: len(x)])


def _unit(x: Array, values: Array) -> object:
    """The factor from x to another unit if there is one, else the values."""
    positive = x > 0
    factors = values[positive] / x[positive]
    if len(factors) and np.allclose(factors, factors[-1], rtol=1e-9) and not values[~positive].any():
        return _rounded(factors[-1:])[0]
    return _rounded(values)


def _rounded(values: Sequence[float] | Array, digits: int = 4) -> list[float | None]:
    """Numbers with so many significant digits; whole ones as such, NaN as None."""
    return [None if value != value else _short(float(f"{value:.{digits}g}")) for value in map(float, values)]


def _short(value: float) -> float:
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
