"""What the page of an activation, a loss or a schedule is made of: sections of a sentence, panels and a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from math import isfinite
from typing import TypeVar

import numpy as np

from optibench.errors import InputError, PluginError, reason
from optibench.plugin.functions import Function
from optibench.plugin.types import AnyFunction, Array, Facts

Made = TypeVar("Made")


@dataclass(frozen=True)
class Line:
    """A curve of a panel; x and y of one length. ``index`` decides its colour and dash."""

    name: str
    index: int
    x: Sequence[float] | Array
    y: Sequence[float] | Array

    def facts(self) -> Facts:
        return {"name": self.name, "index": self.index, "x": _short(self.x), "y": _short(self.y)}


@dataclass(frozen=True)
class Panel:
    """Curves in one pair of axes. Of a section with a slider there is a tuple of curves for each of its positions."""

    title: str
    x_label: str
    frames: tuple[tuple[Line, ...], ...]
    x_scale: str = "linear"
    y_scale: str = "linear"
    references: tuple[float, ...] = ()


@dataclass(frozen=True)
class Table:
    """The numbers of a section, formatted; the first cell of a row is its head."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A section: its sentence says what the panels show, in numbers.

    ``slider`` names what its positions change; ``positions``: the text of each; ``first``: the one shown first.
    """

    title: str
    says: str
    panels: tuple[Panel, ...] = ()
    table: Table | None = None
    note: str = ""
    slider: str = ""
    positions: tuple[str, ...] = ()
    first: int = 0

    def facts(self) -> Facts:
        """What the script draws."""
        panels = [
            {
                "title": panel.title,
                "xLabel": panel.x_label,
                "xScale": panel.x_scale,
                "yScale": panel.y_scale,
                "references": panel.references,
                "frames": [[line.facts() for line in lines] for lines in panel.frames],
            }
            for panel in self.panels
        ]
        return {"positions": self.positions, "panels": panels}


def lines_of(curves: Mapping[str, Array], x: Array, names: Sequence[str] = ()) -> tuple[Line, ...]:
    """Curves by name over one x, with colours in the order of ``names``, or in their own."""
    order = list(names or curves)
    return tuple(Line(name, order.index(name), x, y) for name, y in curves.items())


def ask(kind: str, plugin: Function, call: AnyFunction, shapes: Sequence[tuple[int, ...]]) -> tuple[Array, ...]:
    """What ``call`` of a plugin returns, as float64 arrays of these shapes. PluginError if it raises or returns others.

    NaN and infinity are values: the page says where they are.
    """
    named = f"{kind} '{plugin.name}'"
    try:
        with np.errstate(all="ignore"):
            found = call()
    except Exception as error:  # a plugin's function may raise anything
        raise PluginError(f"{named} has no page, it raised {reason(error)}; correct the function") from error
    parts = found if isinstance(found, tuple) else (found,)
    if len(parts) != len(shapes):
        raise PluginError(f"{named} returned {_count(len(parts))}; it must return {_count(len(shapes))}")
    arrays = []
    for part, shape in zip(parts, shapes, strict=True):
        try:
            array = np.asarray(part, dtype=float)
        except (TypeError, ValueError):
            raise PluginError(f"{named} returned {type(part).__name__}, which is not a number or an array") from None
        if array.shape != shape:
            raise PluginError(f"{named} returned the shape {array.shape}; it must be {shape}")
        arrays.append(array)
    return tuple(arrays)


def parameters(plugin: Function) -> dict[str, float]:
    """The keyword-only arguments of a plugin that are numbers, with their defaults."""
    try:
        kept = signature(plugin.function).parameters.values()
    except (TypeError, ValueError):  # a function that is not Python's
        return {}
    return {
        one.name: float(one.default)
        for one in kept
        if one.kind is one.KEYWORD_ONLY
        and isinstance(one.default, int | float)
        and not isinstance(one.default, bool)
        and isfinite(one.default)
    }


def swept(default: float, made: Callable[[float], Made]) -> dict[float, Made]:
    """What is made of nine settings of a parameter: its default times powers of the root of 2, or 0 to 1 where it is 0.

    Settings that raise InputError are left out: not every number is one.
    """
    settings = default * 2.0 ** (np.arange(-4, 5) / 2) if default else np.linspace(0, 1, 9)
    found: dict[float, Made] = {}
    for value in map(float, settings):
        try:
            found[value] = made(value)
        except InputError:
            continue
    return found


def digits(value: float, count: int = 4) -> str:
    """A number in so many significant digits."""
    if np.isnan(value):
        return "not a number"
    text = re.sub(r"e([+-])0?", r"e\1", f"{value:.{count}g}").replace("e+", "e")
    return text.replace("inf", "∞").replace("-", "−")


def percent(share: float) -> str:
    """A share with one decimal."""
    return "no share" if np.isnan(share) else f"{100 * share:.1f} %"


def listing(words: Sequence[str]) -> str:
    """Words as an enumeration: "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _count(values: int) -> str:
    return f"{values} value{'' if values == 1 else 's'}"


def _short(values: Sequence[float] | Array) -> list[float]:
    """Six significant digits, which is less than a pixel."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=float)]
