"""Layers of images, (R, B, height, width, channels): channels last, so that a window's rows are copied as they lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optibench.networks.layers import Back, Layer, Parameter, Pass, Shape, batch_sum, transposed
from optibench.plugin.types import Array

Size = int | tuple[int, int]


def window(size: Size, shape: Shape) -> tuple[int, int]:
    """Height and width of a window that fits into an image."""
    height, width = (size, size) if isinstance(size, int) else size
    if len(shape) != 3:
        raise ValueError("takes an image (height, width, channels)")
    if shape[0] < height or shape[1] < width:
        raise ValueError(f"takes an image of at least {height} x {width}")
    return height, width


@dataclass(frozen=True)
class Conv2d(Layer):
    """A window at every place, stride 1, without padding: windows (R, B places, size in) @ (R, size in, out)."""

    channels: int
    size: Size = 3
    start: str = "he"

    def output(self, shape: Shape) -> Shape:
        height, width = window(self.size, shape)
        return (shape[0] - height + 1, shape[1] - width + 1, self.channels)

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        height, width = window(self.size, shape)
        seen, fed = height * width * shape[2], height * width * self.channels
        weight = Parameter((height, width, shape[2], self.channels), self.start, seen, fed)
        return {"weight": weight, "bias": Parameter((self.channels,), "zeros")}

    def keeps(self, shape: Shape) -> int:
        places = int(np.prod(self.output(shape)[:2]))
        return places * (self.channels + 2 * int(np.prod(window(self.size, shape))) * shape[2])

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        sides, (height, width, _) = window(self.size, x.shape[2:]), self.output(x.shape[2:])
        weight = parameters[0].reshape(len(parameters[0]), -1, self.channels)
        views = np.lib.stride_tricks.sliding_window_view(x, sides, axis=(2, 3))
        windows = views.transpose(0, 1, 2, 3, 5, 6, 4).reshape(len(x), -1, weight.shape[1])
        y = windows @ weight
        y += parameters[1][:, None, :]

        def back(delta: Array, grads: list[Array], inward: bool) -> Array | None:
            flat = delta.reshape(len(delta), -1, self.channels)
            np.matmul(transposed(windows), flat, out=grads[0].reshape(len(flat), -1, self.channels))
            grads[1][...] = batch_sum(flat)[:, 0]
            if not inward:
                return None
            inner = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
            spread = (flat @ transposed(weight)).reshape(*delta.shape[:4], *sides, -1)
            for i, j in np.ndindex(sides):
                inner[:, :, i : i + height, j : j + width] += spread[..., i, j, :]
            return inner

        return y.reshape(len(y), x.shape[1], height, width, self.channels), back


@dataclass(frozen=True)
class Pool(Layer):
    """Windows side by side; rows and columns that are left over are dropped."""

    size: Size = 2

    def output(self, shape: Shape) -> Shape:
        height, width = window(self.size, shape)
        return (shape[0] // height, shape[1] // width, shape[2])

    def corners(self, x: Array) -> Iterator[Array]:
        """The numbers of every window that lie at one place of it, for each place."""
        sides = window(self.size, x.shape[2:])
        height, width = (size // side * side for size, side in zip(x.shape[2:4], sides, strict=True))
        for i, j in np.ndindex(sides):
            yield x[:, :, i : height : sides[0], j : width : sides[1]]


@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest number of each window; of equals the first is taken back to."""

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        corners = [*self.corners(x)]
        y = corners[0]
        for corner in corners[1:]:
            y = np.maximum(y, corner)

        def back(delta: Array, grads: list[Array], inward: bool) -> Array:
            inner, left = np.zeros((len(delta), *x.shape[1:]), delta.dtype), delta
            for corner, slopes in zip(corners, self.corners(inner), strict=True):
                hit = corner == y
                np.multiply(left, hit, out=slopes)
                left = left * ~hit
            return inner

        return y, back


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of each window."""

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        share = x.dtype.type(1 / np.prod(window(self.size, x.shape[2:])))
        y = sum(self.corners(x)) * share

        def back(delta: Array, grads: list[Array], inward: bool) -> Array:
            inner = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
            for slopes in self.corners(inner):
                slopes[...] = delta * share
            return inner

        return y, back
