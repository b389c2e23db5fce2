"""A picture, declared once: data, encoding, caption. matplotlib and the browser draw the same declaration."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optibench.errors import PluginError, UnknownName, quoted
from optibench.plugin.types import AnyFunction

if TYPE_CHECKING:
    import pandas as pd  # heavy

MARKS = ("curve", "step", "path", "dots", "cells", "interval")
SCALES = ("linear", "log", "logit")
AGAIN = ("profile", "ranks")
#: Keys that name a column of the frame.
COLUMNS = ("x", "y", "low", "high", "color", "facet", "run", "text")
#: Every key of an encoding, with its meaning: the table in docs/plugins.md.
KEYS = {
    "mark": "`curve` (a line with a band), `step` (each value holds until the next x), `path` (a line through the "
    "points in order), `dots`, `cells` (a heat map), `interval` (a dot with its interval, a row for each y); default "
    "`curve`",
    "x, y": "columns: the position; a column of text is an axis of categories, in the order of the frame",
    "low, high": "columns: the ends of the band, of error bars or of the interval",
    "color": "column: a series for each value; of `cells` the number that colours a cell; default one series",
    "facet": "column: a panel for each value; default one panel",
    "run": "column: a row with a value is a point of this single run, one without belongs to the summary",
    "text": "column: what stands in a cell (default its number) or beside an interval",
    "x_scale, y_scale": "`linear`, `log` or `logit`; default `linear`",
    "x_label, y_label, color_label": "texts; default the column",
    "x_units": "{label: column}: other columns for x, of which the first is `x`; the browser has a switch",
    "references": "a column or number, or a list of them: dotted lines at these values",
    "cross": "a column (where true) or a number (from there on): drawn as a cross outside the axes, as is infinity",
    "middle": "a number: the neutral value of the colours of `cells`",
    "again": "`profile` or `ranks`: what the browser computes again when methods are hidden",
}
NAMES = tuple(name for names in KEYS for name in names.split(", "))
_CHOICES = {"mark": MARKS, "x_scale": SCALES, "y_scale": SCALES, "again": AGAIN}
_TEXTS = (*COLUMNS, "x_label", "y_label", "color_label")


@dataclass(frozen=True)
class Figure:
    """One picture, declared once and drawn by every renderer.

    ``data(results)`` returns a tidy frame, empty where the figure has nothing to show. ``encoding`` names its columns
    and scales (KEYS). ``sentence(frame)`` says in one sentence what the frame shows. PluginError if a key, a mark or a
    scale does not exist.
    """

    name: str
    title: str
    caption: str
    data: AnyFunction
    encoding: Mapping[str, object]
    sentence: Callable[[pd.DataFrame], str] | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\w[\w .-]*", self.name):
            raise PluginError(
                f"figure {quoted(self.name)}: its name names files; use letters, digits, spaces, '-', '_' and '.'"
            )
        for key, value in self.encoding.items():
            if key not in NAMES:
                raise self.error(UnknownName("key of an encoding", key, NAMES))
            if key in _CHOICES and value not in _CHOICES[key]:
                raise self.error(UnknownName(key.replace("_", " "), value, _CHOICES[key]))
            if key in _TEXTS and not isinstance(value, str):
                raise self.error(f"{key} is {value!r:.40}; expected a text")
        self._check_values()

    def _check_values(self) -> None:
        units = self.encoding.get("x_units", {})
        if not (isinstance(units, Mapping) and all(isinstance(part, str) for pair in units.items() for part in pair)):
            raise self.error(f"x_units is {units!r:.40}; expected {{label: column}}")
        if units and next(iter(units.values())) != self.encoding.get("x"):
            raise self.error("the first column of x_units is not x; put the column of x first")
        if not all(isinstance(item, str | int | float) for item in self.references):
            raise self.error("references holds neither columns nor numbers; expected a column, a number or a list")
        if not isinstance(self.encoding.get("cross", ""), str | int | float):
            raise self.error(f"cross is {self.encoding['cross']!r:.40}; expected a column or a number")
        if not isinstance(self.encoding.get("middle", 0), int | float):
            raise self.error(f"middle is {self.encoding['middle']!r:.40}; expected a number")

    @property
    def summary(self) -> str:
        return self.title

    @property
    def mark(self) -> str:
        return str(self.encoding.get("mark", "curve"))

    @property
    def units(self) -> dict[str, str]:
        """The columns for x by their labels, the one that is drawn first."""
        units = self.encoding.get("x_units")
        return {**units} if isinstance(units, Mapping) else {}

    @property
    def references(self) -> list[object]:
        given = self.encoding.get("references", [])
        return [*given] if isinstance(given, list | tuple) else [given]

    def column(self, key: str) -> str | None:
        """The column that a key names; None without the key."""
        value = self.encoding.get(key)
        return None if value is None else str(value)

    def scale(self, axis: str) -> str:
        """The scale of "x" or "y"."""
        return str(self.encoding.get(f"{axis}_scale", "linear"))

    def label(self, axis: str) -> str:
        """What stands at an axis, "x", "y" or "color": its label, the first unit, or the column."""
        given = self.column(f"{axis}_label")
        if given is not None:
            return given
        return next(iter(self.units)) if axis == "x" and self.units else self.column(axis) or ""

    def error(self, problem: object) -> PluginError:
        """The error that names this figure."""
        return PluginError(f"figure {quoted(self.name)}: {problem}")
