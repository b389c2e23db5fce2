"""Layers of images, (R, B, height, width, channels): channels last, so that a window's rows are copied as they lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optibench.networks.layers import Back, Layer, Parameter, Pass, Shape, batch_sum, transposed
from optibench.pieces import Array


def image(shape: Shape) -> None:
    if len(shape) != 3:
        raise ValueError("takes an image (height, width, channels)")


@dataclass(frozen=True)
class Conv2d(Layer):
    """A size x size window at every place, stride 1, without padding: windows (R, B h w, size size in) @ (.., out)."""

    channels: int
    size: int = 3
    start: str = "he"

    def output(self, shape: Shape) -> Shape:
        image(shape)
        if min(shape[:2]) < self.size:
            raise ValueError(f"takes an image of at least {self.size} x {self.size}")
        return (shape[0] - self.size + 1, shape[1] - self.size + 1, self.channels)

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        seen, fed = self.size**2 * shape[2], self.size**2 * self.channels
        weight = Parameter((self.size, self.size, shape[2], self.channels), self.start, seen, fed)
        return {"weight": weight, "bias": Parameter((self.channels,), "zeros")}

    def keeps(self, shape: Shape) -> int:
        height, width, channels = self.output(shape)
        return height * width * (channels + 2 * self.size**2 * shape[2])

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        height, width, _ = self.output(x.shape[2:])
        weight = parameters[0].reshape(len(parameters[0]), -1, self.channels)
        views = np.lib.stride_tricks.sliding_window_view(x, (self.size, self.size), axis=(2, 3))
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
            spread = (flat @ transposed(weight)).reshape(*delta.shape[:4], self.size, self.size, -1)
            for i in range(self.size):
                for j in range(self.size):
                    inner[:, :, i : i + height, j : j + width] += spread[..., i, j, :]
            return inner

        return y.reshape(len(y), x.shape[1], height, width, self.channels), back


@dataclass(frozen=True)
class Pool(Layer):
    """size x size windows side by side; rows and columns that are left over are dropped."""

    size: int = 2

    def output(self, shape: Shape) -> Shape:
        image(shape)
        if min(shape[:2]) < self.size:
            raise ValueError(f"takes an image of at least {self.size} x {self.size}")
        return (shape[0] // self.size, shape[1] // self.size, shape[2])

    def corners(self, x: Array) -> Iterator[Array]:
        """The numbers of every window that lie at one place of it, for each place."""
        height, width = (size // self.size * self.size for size in x.shape[2:4])
        for i in range(self.size):
            for j in range(self.size):
                yield x[:, :, i : height : self.size, j : width : self.size]


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
            for corner, place in zip(corners, self.corners(inner), strict=True):
                hit = corner == y
                np.multiply(left, hit, out=place)
                left = left * ~hit
            return inner

        return y, back


@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of each window."""

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        share = x.dtype.type(1 / self.size**2)
        y = sum(self.corners(x)) * share

        def back(delta: Array, grads: list[Array], inward: bool) -> Array:
            inner = np.zeros((len(delta), *x.shape[1:]), delta.dtype)
            for place in self.corners(inner):
                place[...] = delta * share
            return inner

        return y, back
