"""A race in the terminal: the map with the paths so far, beside the table at the same step.

The map has (rows, columns) cells. On a terminal with colours, a cell is two pixels of the relief, or the dots of a path
(2 x 4 in Braille); without colours it is text alone: contour lines, and a letter for each optimizer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from string import ascii_lowercase

import numpy as np
from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from optibench.plugin.types import Array
from optibench.racing.paths import COLOURS, Paths, cross, inside
from optibench.racing.relief import heights, shaded

#: Seconds that the animation takes.
SECONDS = 6.0
#: Columns of the widest map, and of the narrowest that has the table beside it.
WIDEST, NARROWEST = 76, 44
#: Contour lines of a map without colours.
BANDS = 8
#: The bit of each dot of a Braille character: (row, column) of a cell of 4 x 2.
DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
#: Neighbours whose colours round to the same multiple are sent as one: a frame must reach a slow terminal in time.
TONE = 6
#: What the letters of the table stand on, as on the map.
PAPER = "#f4f6f8"


@dataclass(frozen=True)
class Dots:
    """A path as dots of the map: their places (K,) in rows and columns from the upper left, and their steps (K,)."""

    row: Array
    column: Array
    step: Array


class Map:
    """The relief, drawn once, and the dots of all paths."""

    def __init__(self, paths: Paths, columns: int, rows: int, plain: bool) -> None:
        self.paths, self.columns, self.rows, self.plain = paths, columns, rows, plain
        height = heights(paths.problem, paths.domain, columns, 2 * rows)[::-1]
        tones = (255 / TONE * shaded(height[::-1])[::-1]).round() * TONE
        self.pixels = np.minimum(tones, 255).astype(int)
        bands = np.floor(height[::2] * BANDS)
        edge = np.zeros((rows, columns), bool)
        edge[:, :-1] |= np.diff(bands, axis=1) != 0
        edge[:-1] |= np.diff(bands, axis=0) != 0
        self.contours = np.where(edge, ".", " ")
        self.dots = [self._dots(racer.points) for racer in paths.racers]
        self.crosses = [self._cell(cross(racer.points, paths.domain)) for racer in paths.racers]

    def _places(self, points: Array) -> Array:
        """Points (N, 2) as rows and columns of dots, (N, 2), from the upper left."""
        low, high = np.array(self.paths.domain).T
        share = (points - low) / (high - low)
        size = np.array([2 * self.columns, 4 * self.rows])
        placed = np.clip((share * size).astype(int), 0, size - 1)
        return np.column_stack([size[1] - 1 - placed[:, 1], placed[:, 0]])

    def _cell(self, point: Array) -> tuple[int, int] | None:
        """The cell of a point, None where it is not on the map."""
        low, high = np.array(self.paths.domain).T
        if not (np.isfinite(point) & (low <= point) & (point <= high)).all():
            return None
        row, column = self._places(point[None])[0].tolist()
        return row // 4, column // 2

    def _dots(self, points: Array) -> Dots:
        ends, steps = inside(points, self.paths.domain)
        places = self._places(ends.reshape(-1, 2)).reshape(-1, 2, 2)
        lengths = np.abs(places[:, 1] - places[:, 0]).max(axis=1) + 1 if len(places) else np.zeros(0, int)
        segment = np.repeat(np.arange(len(lengths)), lengths)
        within = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        share = within / np.maximum(lengths[segment] - 1, 1)
        line = places[segment, 0] + share[:, None] * (places[segment, 1] - places[segment, 0])
        row, column = line.round().astype(int).T
        _, first = np.unique(row * 2 * self.columns + column, return_index=True)  # a place is reached once
        return Dots(row[first], column[first], steps[segment][first])

    def at(self, step: int) -> Drawn:
        """The map when the race is at ``step``."""
        dots, owner = np.zeros((self.rows, self.columns), int), np.full((self.rows, self.columns), -1)
        marks: dict[tuple[int, int], tuple[str, int]] = {}
        for index, path in enumerate(self.dots):
            gone = path.step <= step
            row, column = path.row[gone], path.column[gone]
            fresh = np.zeros_like(dots)
            np.bitwise_or.at(fresh, (row // 4, column // 2), DOTS[row % 4, column % 2])
            owner[fresh > 0] = index
            dots |= fresh
        for index in reversed(self.paths.ranked(step)):  # the leader is drawn last
            racer = self.paths.racers[index]
            lost = racer.lost(step)
            place = self.crosses[index] if lost else self._cell(racer.points[racer.at(step)])
            if place is not None:
                marks[place] = (("#" if self.plain else "✕") if lost else letter(index).upper(), index)
        return Drawn(self, dots, owner, marks)


@dataclass(frozen=True)
class Drawn:
    """One frame of the map, for rich: the dots of each cell, whose they are, and the marks of current points."""

    map: Map
    dots: Array
    owner: Array
    marks: dict[tuple[int, int], tuple[str, int]]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(self.map.columns, self.map.columns)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for row in range(self.map.rows):
            cell = self._plain if self.map.plain else self._coloured
            cells = [cell(row, column) for column in range(self.map.columns)]
            yield from Segment.simplify(cells)  # neighbours of one style as one
            yield Segment.line()

    def _plain(self, row: int, column: int) -> Segment:
        if (row, column) in self.marks:
            return Segment(self.marks[row, column][0])
        owner = int(self.owner[row, column])
        return Segment(letter(owner) if owner >= 0 else str(self.map.contours[row, column]))

    def _coloured(self, row: int, column: int) -> Segment:
        upper, lower = self.map.pixels[2 * row, column], self.map.pixels[2 * row + 1, column]
        ground = (upper + lower) // 2
        if (row, column) in self.marks:
            mark, index = self.marks[row, column]
            return Segment(mark, _style(colour(index), _hex(ground), True))
        owner = int(self.owner[row, column])
        if owner >= 0:
            return Segment(chr(0x2800 + int(self.dots[row, column])), _style(colour(owner), _hex(ground), False))
        return Segment("▀", _style(_hex(upper), _hex(lower), False))


@lru_cache(10_000)
def _style(front: str, ground: str, bold: bool) -> Style:
    return Style(color=Color.parse(front), bgcolor=Color.parse(ground), bold=bold)


def _hex(pixel: Array) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel.tolist())


def letter(index: int) -> str:
    """What marks an optimizer besides its colour."""
    return ascii_lowercase[index % len(ascii_lowercase)]


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def table(paths: Paths, step: int, plain: bool) -> Table:
    """Who is where at ``step``, the lowest loss first."""
    rows = Table(
        box=None, pad_edge=False, header_style="bold", title=f"step {step:,} of {paths.steps:,}", title_justify="left"
    )
    rows.title_style = "bold"
    rows.add_column("")
    rows.add_column("optimizer", overflow="fold")
    for name in ("lr", "step", "loss"):
        rows.add_column(name, justify="right", no_wrap=True, min_width=len("diverged") if name == "loss" else 5)
    for index in paths.ranked(step):
        racer = paths.racers[index]
        swatch = Text(letter(index).upper(), "" if plain else f"bold {colour(index)} on {PAPER}")
        loss = "diverged" if racer.lost(step) else f"{racer.loss[racer.at(step)]:.3g}"
        rate = f"{racer.lr:.3g}" if isfinite(racer.lr) else "none"
        rows.add_row(swatch, Text(racer.name), rate, f"{racer.at(step):,}", loss)
    return rows


class Screen:
    """The picture of a race on a console: map and table side by side, or one above the other where it is narrow."""

    def __init__(self, paths: Paths, console: Console, animate: bool) -> None:
        self.paths = paths
        self.plain = console.color_system is None or console.no_color or not console.encoding.startswith("utf")
        beside = console.width - console.measure(table(paths, paths.steps, self.plain)).maximum - 4
        self.beside = beside >= NARROWEST
        columns = min(beside if self.beside else console.width, WIDEST)
        rows = round(columns * 0.4)
        if animate:  # what moves must fit; what is printed may scroll
            rows = max(min(rows, console.height - (3 if self.beside else len(paths.racers) + 5)), 6)
        self.map = Map(paths, columns, rows, self.plain)

    def at(self, step: int) -> RenderableType:
        (x0, x1), (y0, y1) = self.paths.domain
        low = "contours of the loss" if self.plain else "bluer: lower loss"
        caption = Text(f"x {x0:.3g} to {x1:.3g}, y {y0:.3g} to {y1:.3g}; {low}", no_wrap=True, overflow="ellipsis")
        whole = Group(self.map.at(step), caption)
        if not self.beside:
            return Group(whole, table(self.paths, step, self.plain))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=self.map.columns)
        grid.add_column()
        grid.add_row(whole, table(self.paths, step, self.plain))
        return grid


def show(paths: Paths, console: Console, animate: bool) -> None:
    """Play the race, or print its last frame."""
    screen = Screen(paths, console, animate)
    if not animate:
        console.print(screen.at(paths.steps))
        return
    pause, begin = SECONDS / len(paths.frames), time.monotonic()
    with Live(screen.at(0), console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for index, step in enumerate(paths.frames):
            late = time.monotonic() - begin - index * pause
            if late > pause and step < paths.steps:
                continue  # a slow terminal sees fewer frames, not a slower race
            live.update(screen.at(step), refresh=True)
            time.sleep(max(pause - late, 0))
