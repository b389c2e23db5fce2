"""Axes: their limits, where numbers lie that a scale has no place for, and their ticks.

Limits, by one rule: in the units of the scale (logarithms on a log axis, log-odds on a logit axis) an axis reaches
from the least to the largest number that is drawn, and a twentieth of that further at both ends. Numbers that a scale
has no place for lie on the axis: 0 and less at the lower limit of a log axis, which is then at least a factor 2 below
the least positive number; 0 and 1 at the ends of a logit axis. The end of the axis says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10

import numpy as np

from optibench.plugin.types import Array

PADDING = 0.05
#: The largest numbers of which a padded span is finite.
LARGEST = 8e307
#: The least room, in powers of ten, between an axis and the numbers above it where others lie on it.
ROOM = log10(2)

Limits = tuple[float, float]
#: What the lower and the upper end of an axis say: "0", "≤ 0", "1", "≥ 1", or nothing.
Ends = tuple[str, str]


def limits(drawn: Sequence[Array], scale: str) -> tuple[Limits, Ends]:
    """The limits of an axis over all numbers that are drawn along it, each (n,); NaN and infinity do not count."""
    values = np.concatenate([np.empty(0), *drawn])
    values = values[np.isfinite(values)].clip(-LARGEST, LARGEST)
    below = "" if scale == "linear" or not (values <= 0).any() else "≤ 0" if (values < 0).any() else "0"
    above = "" if scale != "logit" or not (values >= 1).any() else "≥ 1" if (values > 1).any() else "1"
    inside = values[_inside(values, scale)]
    if not len(inside):
        inside = np.array([{"linear": 0.0, "log": 1.0, "logit": 0.5}[scale]])
    units = _forward(inside, scale)
    low, high = float(units.min()), float(units.max())
    pad = PADDING * (high - low)
    if pad <= 1e-12 * max(abs(low), abs(high)):  # one number
        pad = (abs(low) / 2 or 0.5) if scale == "linear" else ROOM
    ends = low - (max(pad, ROOM) if below else pad), high + (max(pad, ROOM) if above else pad)
    first, last = _backward(np.array(ends), scale)
    return (float(first), float(last)), (below, above)


def placed(values: Array, span: Limits, scale: str) -> Array:
    """(n,): where numbers are drawn on an axis with these limits."""
    if scale == "linear":
        return values
    with np.errstate(invalid="ignore"):
        low = np.where(values <= 0, span[0], values)
        return np.where(low >= 1, span[1], low) if scale == "logit" else low


def _inside(values: Array, scale: str) -> Array:
    """(n,): which numbers a scale has a place for."""
    if scale == "logit":
        return np.asarray((values > 0) & (values < 1))
    return values > 0 if scale == "log" else np.isfinite(values)


def _forward(values: Array, scale: str) -> Array:
    """Numbers in the units of a scale."""
    if scale == "log":
        return np.log10(values)
    return np.log10(values / (1 - values)) if scale == "logit" else values


def _backward(units: Array, scale: str) -> Array:
    """The numbers at these units of a scale."""
    if scale == "log":
        return np.asarray(10.0 ** units.clip(-323, 308))
    return 1 / (1 + 10.0**-units) if scale == "logit" else units


def ticks(span: Limits, scale: str, ends: Ends, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers on an axis and their texts, about ``most`` of them; before them what the ends say."""
    low, high = span
    if scale == "log":
        values = _log_ticks(low, high, most)
    elif scale == "logit":
        values = [v for v in (1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999) if low <= v <= high]
    else:
        values = _linear_ticks(low, high, most)
    said = [(value, text) for value, text in zip(span, ends, strict=True) if text]
    units = {value: float(_forward(np.array([value]), scale)[0]) for value in (*values, low, high)}
    near = 0.08 * (units[high] - units[low])
    free = [value for value in values if all(abs(units[value] - units[end]) > near for end, _ in said)]
    return said + list(zip(free, texts(free, scale), strict=True))


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    raw = high / most - low / most
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.75)
    return [index * step for index in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, not all where there are many; where there are few, 1, 2 and 5, or 3, times them too."""
    first, last = ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9)
    if last - first >= 2:
        stride = ceil((last - first + 1) / most)
        return [10.0**power for power in range(-(-first // stride) * stride, last + 1, stride)]
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in factors]
        within = [value for value in values if low <= value <= high]
        if len(within) <= most:
            break
    return within if len(within) > 1 else [v for v in _linear_ticks(low, high, 4) if low <= v <= high and v > 0]


def texts(values: Sequence[float], scale: str = "linear") -> list[str]:
    """Texts of ticks: plain numbers, or powers of ten where these would be long."""
    largest = max((abs(value) for value in values), default=0.0)
    least = min((abs(value) for value in values if value), default=1.0)
    if scale == "log" and all(_is_power(value) for value in values) and (largest > 1e4 or least < 1e-3):
        return [f"10{_superscript(round(log10(value)))}" for value in values]
    if scale != "log" and (largest >= 1e5 or largest < 1e-3) and largest > 0:
        power = floor(log10(largest) + 1e-9)
        return [f"{_plain(value / 10.0**power, values)}·10{_superscript(power)}" if value else "0" for value in values]
    if scale == "log" and (largest >= 1e5 or least < 1e-4):
        return [f"{value / 10.0 ** floor(log10(value)):.3g}·10{_superscript(floor(log10(value)))}" for value in values]
    return [_plain(value, values) for value in values]


def _plain(value: float, values: Sequence[float]) -> str:
    """With as many digits as it takes to see the difference to the next."""
    step = min((abs(b - a) for a, b in pairwise(values)), default=0.0)
    largest = max(map(abs, values))
    digits = max(5, ceil(log10(largest / step)) + 2) if step else 6
    return f"{value:.{min(digits, 15)}g}"


def _is_power(value: float) -> bool:
    return abs(log10(value) - round(log10(value))) < 1e-9


def _superscript(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
