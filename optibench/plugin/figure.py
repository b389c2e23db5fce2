"""A picture, declared once and drawn by a renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optibench.plugin.types import AnyFunction


@dataclass(frozen=True)
class Figure:
    """One picture, declared once and drawn by a renderer: data, encoding, caption.

    data(results) -> tidy frame (empty where the figure has nothing to show). The encoding names its columns:
    ``mark`` is "curve" (y over x with a band from low to high) or "path" (a line through the points in order, on the
    contours of the problem); ``x``, ``y``, ``low``, ``high``, ``color``, ``facet``; ``x_scale`` and ``y_scale`` are
    "log" or "linear"; ``x_label`` and ``y_label``.
    """

    name: str
    title: str
    caption: str
    data: AnyFunction
    encoding: Mapping[str, str]

    @property
    def summary(self) -> str:
        return self.title
