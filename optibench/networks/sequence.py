"""Layers of sequences: tokens (R, B, T) to vectors (R, B, T, D), vectors to the last state (R, B, H)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optibench.networks.layers import Back, Layer, Parameter, Pass, Shape, batch_sum, transposed
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Embedding(Layer):
    """A vector for each of ``tokens`` whole numbers from 0; they come as floats, as all data does."""

    tokens: int
    size: int

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError("takes tokens (length,)")
        return (*shape, self.size)

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        return {"table": Parameter((self.tokens, self.size), "lecun", self.size, self.size)}

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        hot = (x[..., None] == np.arange(self.tokens)).astype(x.dtype).reshape(len(x), -1, self.tokens)
        y = hot @ parameters[0]

        def back(delta: Array, grads: list[Array], inward: bool) -> None:
            np.matmul(transposed(hot), delta.reshape(len(delta), -1, self.size), out=grads[0])

        return y.reshape(len(y), *x.shape[1:], self.size), back


@dataclass(frozen=True)
class SimpleRNN(Layer):
    """h_t = tanh(x_t W + h_{t-1} U + b) from 0 on; the last h comes out. Elman 1990, doi:10.1207/s15516709cog1402_1."""

    units: int

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 2:
            raise ValueError("takes a sequence (length, size)")
        return (self.units,)

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        return {
            "weight": Parameter((shape[1], self.units), "xavier", shape[1], self.units),
            "recurrent": Parameter((self.units, self.units), "orthogonal", self.units, self.units),
            "bias": Parameter((self.units,), "zeros"),
        }

    def keeps(self, shape: Shape) -> int:
        return 3 * shape[0] * self.units

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        weight, recurrent, bias = parameters
        length = x.shape[2]
        drive = (x.reshape(len(x), -1, x.shape[-1]) @ weight + bias[:, None, :]).reshape(-1, *x.shape[1:3], self.units)
        states = [np.zeros_like(drive[:, :, 0])]
        for t in range(length):
            states.append(np.tanh(drive[:, :, t] + states[-1] @ recurrent))

        def back(delta: Array, grads: list[Array], inward: bool) -> Array | None:
            inner, total = np.empty_like(drive), np.zeros_like(recurrent)
            for t in reversed(range(length)):
                delta = delta * (1 - states[t + 1] ** 2)
                inner[:, :, t] = delta
                total += transposed(states[t]) @ delta
                delta = delta @ transposed(recurrent)
            flat = inner.reshape(len(inner), -1, self.units)
            np.matmul(transposed(x.reshape(len(x), -1, x.shape[-1])), flat, out=grads[0])
            grads[1][...], grads[2][...] = total, batch_sum(flat)[:, 0]
            return (flat @ transposed(weight)).reshape(len(flat), *x.shape[1:]) if inward else None

        return states[-1], back
