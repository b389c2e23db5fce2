"""A race drawn by matplotlib: the map with the paths so far, and the loss at the same step; as GIF, video or picture.

What does not move is drawn once; a frame is that picture with paths, marks and labels on it.
"""

from __future__ import annotations

import io
import shutil
from math import isfinite
from pathlib import Path
from typing import Any, cast

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke, withStroke
from matplotlib.text import Text
from PIL import Image

from optibench.errors import SettingError
from optibench.plugin.types import Array
from optibench.racing.notes import summary
from optibench.racing.paths import COLOURS, Paths, cross, inside
from optibench.racing.relief import heights, shaded

#: Inches and dots an inch; both sides even, as videos ask for.
SIZE, DPI = (9.6, 4.8), 100
#: Left, bottom, width and height of the two axes, as shares of the figure.
MAP, CHART = (0.075, 0.105, 0.45, 0.775), (0.6, 0.105, 0.235, 0.775)
#: Seconds that the race takes, and those that its last frame stays.
SECONDS, REST = 6.5, 1.5
#: The colours of a GIF, one palette for all frames, and the index of the next one: what is as in the frame before.
KEPT = 255
#: The loss is drawn over at most as many decades.
DECADES = 16
DASHES: list[Any] = ["-", (0, (5, 1.5)), (0, (1.5, 1.2))]
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "path.simplify_threshold": 0.5,
}
#: What keeps a line and a text readable on any ground.
AROUND_LINE: list[AbstractPathEffect] = [Stroke(linewidth=3.0, foreground="white", alpha=0.75), Normal()]
AROUND_TEXT: list[AbstractPathEffect] = [withStroke(linewidth=2.6, foreground="white")]


class Picture:
    """A race as a figure whose moving parts are set to a step by ``at``."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        with matplotlib.rc_context(STYLE):
            self.figure = Figure(figsize=SIZE, dpi=DPI)
            self.canvas = cast(Any, FigureCanvasAgg(self.figure))  # matplotlib gives its methods no types
            self.map = self.figure.add_axes(MAP)
            self.chart = self.figure.add_axes(CHART)
            start = paths.racers[0].points[0]
            name = f"{paths.problem.name} from ({start[0]:.3g}, {start[1]:.3g})"
            self.figure.text(MAP[0], 0.93, name, fontsize=11, fontweight="bold")
            self.figure.text(CHART[0], 0.965, summary(paths), fontsize=7.5, color="#555555", va="top")
            self._draw_map()
            self._draw_chart()
            self.title = self.chart.set_title("", loc="left", fontsize=9)
            self.on_map = [Entrant(self.map, index, 8) for index in range(len(paths.racers))]
            self.on_chart = [Entrant(self.chart, index, 8) for index in range(len(paths.racers))]
        entrants = [*self.on_map, *self.on_chart]
        layers = zip(*(entrant.artists for entrant in entrants), strict=True)  # labels over marks over lines
        self.moving: list[Artist] = [self.title, *(artist for layer in layers for artist in layer)]
        for artist in self.moving:
            artist.set_animated(True)
        self.segments = [inside(racer.points, paths.domain) for racer in paths.racers]
        self.canvas.draw()
        self.ground = self.canvas.copy_from_bbox(self.figure.bbox)

    def _draw_map(self) -> None:
        paths, axes = self.paths, self.map
        (x0, x1), (y0, y1) = paths.domain
        height = heights(paths.problem, paths.domain, 300, 250)
        axes.imshow(shaded(height), extent=(x0, x1, y0, y1), origin="lower", aspect="auto", interpolation="bilinear")
        x, y = (np.linspace(*side, count) for side, count in zip(paths.domain, (300, 250), strict=True))
        if height.max() > height.min():
            axes.contour(x, y, height, levels=np.linspace(0, 1, 13)[1:-1], colors="#3a4a5a", linewidths=0.5, alpha=0.35)
        axes.plot(*paths.racers[0].points[0], "o", color="white", markeredgecolor="#222222", markersize=6)
        if paths.problem.minimizer is not None:
            axes.plot(*paths.problem.minimizer, "+", color="#222222", markersize=9, markeredgewidth=1.4)
        axes.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")
        axes.yaxis.set_label_coords(-0.12, 0.5)  # where no tick label pushes it off the figure

    def _draw_chart(self) -> None:
        """Axes for all losses, or for their gaps to the minimum where that is known."""
        paths, axes = self.paths, self.chart
        minimum = paths.problem.minimum
        self.losses = [racer.loss - (minimum or 0.0) for racer in paths.racers]
        kept = [loss[:-1] if racer.diverged else loss for racer, loss in zip(paths.racers, self.losses, strict=True)]
        shown = np.concatenate([loss[np.isfinite(loss)] for loss in kept])
        shown = shown if len(shown) else np.ones(1)  # nobody has a finite loss
        most = 100 * abs(float(shown[0])) or 1.0  # a line that diverges leaves at the top
        high = min(float(shown.max()), most)
        if minimum is not None or shown.min() > 0:
            positive = shown[shown > 0]
            low = max(float(positive.min()), high * 10.0**-DECADES) if len(positive) else 1.0
            high = max(high, low)
            self.limits = low / 2, high * 2
            self.losses = [np.maximum(loss, low / 1.5) for loss in self.losses]
            axes.set_yscale("log")
        else:
            low = max(float(shown.min()), -most)
            margin = 0.05 * (high - low or 1.0)
            self.limits = low - margin, high + margin
        axes.set_xscale("log")
        axes.set(xlim=(0.5, max(paths.steps, 2)), ylim=self.limits, xlabel="step")
        axes.set_ylabel("loss above the minimum" if minimum else "loss")
        axes.yaxis.set_label_coords(-0.24, 0.5)
        axes.grid(alpha=0.25, linewidth=0.6)

    def at(self, step: int) -> None:
        """Move everything to ``step``."""
        self.title.set_text(f"step {step:,} of {self.paths.steps:,}")
        points, crossed, ends = [], [], []
        for index, racer in enumerate(self.paths.racers):
            lost, last = racer.lost(step), racer.at(step)
            (segments, steps), loss = self.segments[index], self.losses[index]
            gone = segments[steps <= step]
            line = np.full((len(gone), 3, 2), np.nan)  # a gap after each segment: a path may leave the map and return
            line[:, :2] = gone
            self.on_map[index].line.set_data(*line.reshape(-1, 2).T)
            until = np.maximum(np.arange(last + 1), 0.5)
            self.on_chart[index].line.set_data(until, loss[: last + 1])
            points.append(cross(racer.points, self.paths.domain) if lost else racer.points[last])
            seen = np.clip(np.nan_to_num(loss[last], nan=self.limits[1], posinf=self.limits[1]), *self.limits)
            ends.append(np.array([until[-1], seen]))
            crossed.append(lost)
        self._label(self.map, self.on_map, points, crossed, [racer.name for racer in self.paths.racers])
        self._label(self.chart, self.on_chart, ends, crossed, [self._said(index, step) for index in range(len(points))])

    def _said(self, index: int, step: int) -> str:
        racer = self.paths.racers[index]
        rate = f"lr {racer.lr:.3g}" if isfinite(racer.lr) else "no lr"
        loss = "diverged" if racer.lost(step) else f"loss {racer.loss[racer.at(step)]:.2g}"
        return f"{racer.name}\n{rate}, {loss}"

    def _label(
        self, axes: Axes, entrants: list[Entrant], points: list[Array], crossed: list[bool], texts: list[str]
    ) -> None:
        """Mark current points, and put labels beside them, none on another: on the chart all right of the axes."""
        box = axes.bbox
        places = axes.transData.transform(np.array(points))  # pixels
        on = ((places >= np.array(box.min) - 1) & (places <= np.array(box.max) + 1)).all(axis=1)
        chart = axes is self.chart
        left = ~np.array(chart) & (places[:, 0] > box.x0 + 0.72 * box.width)
        tall = 27.0 if chart else 15.0
        for side in (False, True):
            group = np.flatnonzero(on & (left == side))
            levels = spread(places[group, 1], tall, box.y0 + tall / 2, box.y1 - tall / 2)
            for index, y in zip(group.tolist(), levels.tolist(), strict=True):
                x = box.x1 + 12 if chart else places[index, 0] + (-16 if side else 16)
                entrants[index].put(points[index], crossed[index], texts[index], (x, y), places[index], side)
        for index in np.flatnonzero(~on).tolist():
            entrants[index].hide()

    def rgb(self, step: int) -> Array:
        """The frame at ``step`` as pixels, (rows, columns, 3)."""
        self.at(step)
        self.canvas.restore_region(self.ground)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        return np.array(self.canvas.buffer_rgba(), np.uint8)[..., :3]


class Entrant:
    """The moving parts of one optimizer in one of the two axes: line, mark, label and the leader between them."""

    def __init__(self, axes: Axes, index: int, size: float) -> None:
        colour = COLOURS[index % len(COLOURS)]
        dash = DASHES[index // len(COLOURS) % len(DASHES)]
        (self.line,) = axes.plot([], [], color=colour, linewidth=1.5, linestyle=dash, zorder=3, solid_capstyle="round")
        self.line.set_path_effects(AROUND_LINE)
        (self.mark,) = axes.plot(
            [], [], color=colour, markersize=7, markeredgecolor="white", markeredgewidth=1.0, zorder=5, clip_on=False
        )
        self.leader = Line2D([], [], color=colour, linewidth=0.7, zorder=4)
        self.label = Text(0, 0, "", color=colour, fontsize=size, va="center", zorder=6, linespacing=1.05)
        self.label.set_path_effects(AROUND_TEXT)
        for artist in (self.leader, self.label):  # in pixels of the figure
            axes.figure.add_artist(artist)
            artist.set_transform(None)
        self.colour = colour
        self.artists: list[Any] = [self.line, self.leader, self.mark, self.label]

    def put(self, point: Array, crossed: bool, text: str, place: tuple[float, float], pixel: Array, left: bool) -> None:
        self.mark.set_data([point[0]], [point[1]])
        self.mark.set(marker="x" if crossed else "o", markeredgecolor=self.colour if crossed else "white")
        self.mark.set(markeredgewidth=2.2 if crossed else 1.0)
        self.label.set(text=text, position=place, ha="right" if left else "left", visible=True)
        gap = 3 if left else -3
        self.leader.set_data([pixel[0], place[0] + gap], [pixel[1], place[1]])

    def hide(self) -> None:
        self.mark.set_data([], [])
        self.leader.set_data([], [])
        self.label.set(visible=False)


def spread(wanted: Array, gap: float, low: float, high: float) -> Array:
    """Places (N,) as near as possible to ``wanted``, at least ``gap`` apart where ``low`` to ``high`` has room.

    The least squares solution: a monotone regression of ``wanted`` minus the gaps before it, by pooling neighbours.
    """
    count = len(wanted)
    if count > 1:
        gap = min(gap, (high - low) / (count - 1))
    order = np.argsort(wanted, kind="stable")
    pools: list[tuple[float, int]] = []  # mean and size
    for value in wanted[order] - gap * np.arange(count):
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, m), (b, n) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n)]
    free = np.repeat([mean for mean, _ in pools], [size for _, size in pools]) if pools else np.zeros(0)
    places = np.empty(count)
    places[order] = np.clip(free, low, max(high - gap * (count - 1), low)) + gap * np.arange(count)
    return places


def gif(paths: Paths, path: Path) -> Path:
    """Write the race as an animated GIF; the same race gives the same bytes."""
    picture = Picture(paths)
    palette = Image.fromarray(picture.rgb(paths.steps)).quantize(KEPT, Image.Quantize.MEDIANCUT)
    frames, before = [], None
    for step in paths.frames:
        indices = np.asarray(Image.fromarray(picture.rgb(step)).quantize(palette=palette, dither=Image.Dither.NONE))
        changed = indices if before is None else np.where(indices == before, np.uint8(KEPT), indices)
        frame = Image.fromarray(changed)
        frame.putpalette(palette.getpalette() or [])
        frames.append(frame)
        before = indices
    each = round(1000 * SECONDS / len(frames) / 10) * 10  # GIF counts hundredths of a second
    durations = [each] * (len(frames) - 1) + [each + round(1000 * REST)]
    data = io.BytesIO()
    frames[0].save(
        data, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=False, disposal=1,
        transparency=KEPT,
    )  # fmt: skip
    return _write(path, data.getvalue())


def mp4(paths: Paths, path: Path) -> Path:
    """Write the race as an H.264 video."""
    from matplotlib.animation import FFMpegWriter

    require_ffmpeg()
    picture = Picture(paths)
    for artist in picture.moving:
        artist.set_animated(False)  # the writer draws whole figures, and leaves out what is animated
    rate = max(round(len(paths.frames) / SECONDS), 1)
    writer = FFMpegWriter(fps=rate, metadata={"title": f"optibench race on {paths.problem.name}"})
    try:
        with writer.saving(picture.figure, str(path), DPI):
            for step in [*paths.frames, *[paths.steps] * round(REST * rate)]:
                picture.at(step)
                writer.grab_frame()
    except OSError as error:
        raise SettingError(f"cannot write to '{path}': {error.strerror or error}") from error
    return path


def require_ffmpeg() -> None:
    """Refuse a video where there is no program that makes it."""
    if shutil.which(matplotlib.rcParams["animation.ffmpeg_path"]) is None:
        raise SettingError("a video needs the program ffmpeg, which is not installed; write an animated GIF by --gif")


def png(paths: Paths) -> bytes:
    """The last frame."""
    data = io.BytesIO()
    Image.fromarray(Picture(paths).rgb(paths.steps)).save(data, "PNG")
    return data.getvalue()


def _write(path: Path, data: bytes) -> Path:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingError(f"cannot write to '{path}': {error.strerror}; give a file that can be written") from error
    return path
