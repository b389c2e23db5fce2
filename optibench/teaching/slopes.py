"""The slope that a function declares, against the difference quotient of its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from optibench.plugin.types import Array
from optibench.teaching.sections import Panel, Section, Table, digits, lines_of, listing, swept

#: Half the distance of a central difference quotient.
H = 1e-5
#: Quotients from the left and from the right that differ by more than this share of the slope make a kink.
KINK = 3e-3
#: A slope within this share of the quotient, or this number, agrees with it: where a slope has a kink, as that of
#: softsign at 0, the quotient is off by about H.
CLOSE = 1e-4


@dataclass(frozen=True)
class Curve:
    """Value and slope of a function of one number, (N,) each, and what the values say of the slope.

    ``deviation``: of the slope from the central difference quotient, NaN at kinks and where a value is no number.
    ``kinks``: where the quotients from the left and from the right differ.
    """

    x: Array
    value: Array
    slope: Array
    deviation: Array
    kinks: Array

    @property
    def undefined(self) -> Array:
        """The points at which value or slope is not a number."""
        return self.x[np.isnan(self.value) | np.isnan(self.slope)]

    @property
    def worst(self) -> float:
        """The largest deviation; NaN where nothing could be compared."""
        return float(np.nanmax(self.deviation)) if np.isfinite(self.deviation).any() else float("nan")

    @property
    def agrees(self) -> bool:
        return not (self.deviation > CLOSE * np.maximum(1, np.abs(self.slope))).any()


def curve(x: Array, function: Callable[[Array], tuple[Array, ...]]) -> Curve:
    """``function``: x (M,) -> value (M,), slope (M,); it is asked once, at x (N,) and H beside it."""
    count = len(x)
    values, slopes = function(np.concatenate([x - H, x, x + H]))
    before, value, after = values[:count], values[count : 2 * count], values[2 * count :]
    slope = slopes[count : 2 * count]
    with np.errstate(all="ignore"):
        left, right = (value - before) / H, (after - value) / H
        bent = np.abs(right - left) > KINK * np.maximum(1, np.maximum(np.abs(slope), np.abs(left + right) / 2))
        deviation = np.where(bent, np.nan, np.abs(slope - (after - before) / (2 * H)))
    deviation = np.where(np.isfinite(deviation), deviation, np.nan)
    return Curve(x, value, slope, deviation, x[bent])


def slope_sentence(name: str, symbol: str, found: Curve) -> str:
    """What a reader must know of the slope of ``name`` as a function of ``symbol``."""
    parts = []
    if len(found.undefined):
        where = digits(float(found.undefined[0]))
        parts.append(
            f"Value or slope of {name} is not a number at {len(found.undefined)} of {len(found.x)} points, "
            f"first at {symbol} = {where}."
        )
    if np.isnan(found.worst):
        parts.append(f"The slope of {name} could not be checked.")
        return " ".join(parts)
    place = digits(float(found.x[np.nanargmax(found.deviation)]))
    amount = f"{digits(found.worst, 2)}, at {symbol} = {place}"
    if found.agrees:
        parts.append(f"The slope of {name} agrees with the difference quotient: the largest deviation is {amount}.")
    else:
        parts.append(f"The slope of {name} is not the derivative of its value: it deviates by up to {amount}.")
    if 0 < len(found.kinks) <= 4:
        places = [
            f"{symbol} = {digits(float(x))} (slope {digits(float(found.slope[found.x == x][0]))})" for x in found.kinks
        ]
        parts.append(f"It has a kink or a jump at {listing(places)}.")
    elif len(found.kinks):
        parts.append(f"It has a kink or a jump at {len(found.kinks)} of {len(found.x)} points.")
    return " ".join(parts)


def panels(titles: tuple[str, str], x_label: str, frames: Sequence[Mapping[str, Curve]]) -> tuple[Panel, Panel]:
    """Values in one panel and slopes in the other; a frame is curves by name, over one x."""
    values = tuple(lines_of({name: c.value for name, c in f.items()}, next(iter(f.values())).x) for f in frames)
    slopes = tuple(lines_of({name: c.slope for name, c in f.items()}, next(iter(f.values())).x) for f in frames)
    return Panel(titles[0], x_label, values), Panel(titles[1], x_label, slopes)


def parameter_section(
    plugin: str,
    parameter: tuple[str, float],
    made: Callable[[float], Curve],
    titles: tuple[str, str],
    x_label: str,
    shown: Sequence[float],
    note: str = "",
) -> list[Section]:
    """What a parameter, (name, default), of a plugin does to its curve; none where it takes no other settings.

    ``made``: the curve at a setting; ``shown``: the places of the table.
    """
    name, default = parameter
    curves = swept(default, made)
    if len(curves) < 2:
        return []
    rows = tuple((digits(v, 3), *map(digits, np.interp(shown, c.x, c.value))) for v, c in curves.items())
    low, high = min(curves), max(curves)
    ends = [digits(float(np.interp(shown[0], curves[v].x, curves[v].value))) for v in (low, high)]
    says = (
        f"The default of {name} is {digits(default)}. From {name} = {digits(low, 3)} to {digits(high, 3)} the value at "
        f"{x_label} = {digits(shown[0])} goes from {ends[0]} to {ends[1]}."
    )
    frames = [{f"{name} = {digits(value, 3)}": found} for value, found in curves.items()]
    return [
        Section(
            title=f"What {name} of {plugin} does",
            says=says,
            panels=panels(titles, x_label, frames),
            table=Table(f"Value by {name}", (f"{name} \\ {x_label}", *map(digits, shown)), rows),
            note=note,
            slider=name,
            positions=tuple(digits(value, 3) for value in curves),
            first=[*curves].index(default) if default in curves else 0,
        )
    ]
