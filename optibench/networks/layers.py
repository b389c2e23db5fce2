"""Layers, each with its own backpropagation, over the runs axis: x (R, B, ...), or (1, B, ...) where runs share it.

``forward`` gives the output and a function that takes the loss's slope by the output back: it fills the gradients of
the layer's parameters, and returns the slope by the input, or None if nobody below asks for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from optibench.networks.initial import initial
from optibench.plugin.functions import Activation
from optibench.plugin.types import Array

Shape = tuple[int, ...]
#: (slope by the output, gradients to fill, whether the slope by the input is asked for) -> that slope.
Back = Callable[[Array, list[Array], bool], Array | None]


@dataclass(frozen=True)
class Parameter:
    """An array of a layer: its shape, how it starts, and how many units one of its units sees and feeds."""

    shape: Shape
    start: str
    inputs: int = 1
    outputs: int = 1

    def draw(self, rng: np.random.Generator) -> Array:
        return initial(self.start)(rng, self.shape, self.inputs, self.outputs)


@dataclass
class Pass:
    """One pass through a network: in training or not, with the noise and the statistics that layers take in turn."""

    training: bool
    draws: Iterator[Array] = field(default_factory=lambda: iter(()))
    statistics: Iterator[tuple[Array, Array]] | None = None
    seen: list[tuple[Array, Array]] = field(default_factory=list)


class Layer(ABC):
    """What a layer is: override what differs. Shapes are those of one example, without runs and batch."""

    def output(self, shape: Shape) -> Shape:
        """The shape that comes out; ValueError, with what it takes, where ``shape`` cannot go in."""
        return shape

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        return {}

    def keeps(self, shape: Shape) -> int:
        """Numbers kept for one example between forward and backward."""
        return int(np.prod(self.output(shape)))

    def noise(self, rng: np.random.Generator, batch: int, shape: Shape) -> Array | None:
        """What it draws for a batch of one run in training, (B, ...); None if it draws nothing."""
        return None

    @abstractmethod
    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        """The output, and the function that takes the loss's slope by it back."""

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


def transposed(a: Array) -> Array:
    return a.swapaxes(-1, -2)


def batch_sum(delta: Array) -> Array:
    """(R, N, K) -> (R, 1, K), as a product: six times faster than a sum."""
    return np.ones((1, delta.shape[1]), delta.dtype) @ delta


@dataclass(frozen=True)
class Dense(Layer):
    """x W + b, (R, B, in) @ (R, in, out)."""

    units: int
    start: str = "xavier"
    bias: bool = True
    bias_start: str = "zeros"

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError("takes a flat (inputs,)")
        return (self.units,)

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        weight = Parameter((shape[0], self.units), self.start, shape[0], self.units)
        return {"weight": weight, **({"bias": Parameter((self.units,), self.bias_start)} if self.bias else {})}

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        weight = parameters[0]
        y = x @ weight
        if self.bias:
            y += parameters[1][:, None, :]

        def back(delta: Array, grads: list[Array], inward: bool) -> Array | None:
            if delta.shape[1] == 1:  # an outer product: the same bits, -0 never among them, at a third of BLAS's time
                np.einsum("rbi,rbo->rio", x, delta, out=grads[0], casting="same_kind")
                if self.bias:
                    np.add(delta[:, 0], 0, out=grads[1])
            else:
                np.matmul(transposed(x), delta, out=grads[0])
                if self.bias:
                    np.matmul(np.ones((1, delta.shape[1]), delta.dtype), delta, out=grads[1][:, None, :])
            return delta @ transposed(weight) if inward else None

        return y, back


@dataclass(frozen=True)
class Activate(Layer):
    """An activation function, elementwise."""

    activation: Activation

    def keeps(self, shape: Shape) -> int:
        return 2 * int(np.prod(shape))

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        a, slope = self.activation(x)
        return a, lambda delta, grads, inward: delta * slope

    @property
    def name(self) -> str:
        return self.activation.name


@dataclass(frozen=True)
class Flatten(Layer):
    """Every example as one row."""

    def output(self, shape: Shape) -> Shape:
        return (int(np.prod(shape)),)

    def keeps(self, shape: Shape) -> int:
        return 0

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        def back(delta: Array, grads: list[Array], inward: bool) -> Array:
            return delta.reshape(len(delta), *x.shape[1:])

        return x.reshape(*x.shape[:2], -1), back


@dataclass(frozen=True)
class Dropout(Layer):
    """Each number is 0 with probability ``share`` in training, the others grow. Srivastava et al. 2014.

    The masks come from a stream of their own, the same for every optimizer at a seed.
    """

    share: float = 0.5

    def noise(self, rng: np.random.Generator, batch: int, shape: Shape) -> Array | None:
        return (rng.random((batch, *shape)) >= self.share) / (1 - self.share)

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        if not run.training:
            return x, lambda delta, grads, inward: delta
        mask = next(run.draws).astype(x.dtype, copy=False)
        return x * mask, lambda delta, grads, inward: delta * mask


@dataclass(frozen=True)
class Normalise(Layer):
    """(x - mean) / deviation over ``axes``, scaled and shifted by parameters that start at 1 and 0."""

    eps: float = 1e-5

    @abstractmethod
    def axes(self, x: Array) -> tuple[int, ...]:
        """Those that the mean and the deviation are taken over."""

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        return {"scale": Parameter(shape[-1:], "ones"), "shift": Parameter(shape[-1:], "zeros")}

    def statistics(self, x: Array, run: Pass) -> tuple[Array, Array]:
        mean = x.mean(axis=self.axes(x), keepdims=True)
        return mean, ((x - mean) ** 2).mean(axis=self.axes(x), keepdims=True)

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        scale, shift = (array.reshape(len(array), *[1] * (x.ndim - 2), -1) for array in parameters)
        mean, variance = self.statistics(x, run)
        root = 1 / np.sqrt(variance + x.dtype.type(self.eps))
        normal = (x - mean) * root

        def back(delta: Array, grads: list[Array], inward: bool) -> Array:
            grads[0][...] = batch_sum((delta * normal).reshape(len(delta), -1, delta.shape[-1]))[:, 0]
            grads[1][...] = batch_sum(delta.reshape(len(delta), -1, delta.shape[-1]))[:, 0]
            slope, over = delta * scale, self.axes(x)
            along = (slope * normal).mean(axis=over, keepdims=True)
            return (slope - slope.mean(axis=over, keepdims=True) - normal * along) * root

        return normal * scale + shift, back


@dataclass(frozen=True)
class LayerNorm(Normalise):
    """Over all numbers of an example. Ba et al. 2016, arXiv:1607.06450."""

    def axes(self, x: Array) -> tuple[int, ...]:
        return tuple(range(2, x.ndim))

    def parameters(self, shape: Shape) -> dict[str, Parameter]:
        return {"scale": Parameter(shape, "ones"), "shift": Parameter(shape, "zeros")}

    def forward(self, x: Array, parameters: list[Array], run: Pass) -> tuple[Array, Back]:
        flat = x.reshape(*x.shape[:2], -1)
        y, back = super().forward(flat, [array.reshape(len(array), -1) for array in parameters], run)

        def shaped(delta: Array, grads: list[Array], inward: bool) -> Array | None:
            inner = back(
                delta.reshape(len(delta), *flat.shape[1:]), [grad.reshape(len(grad), -1) for grad in grads], inward
            )
            return None if inner is None else inner.reshape(len(inner), *x.shape[1:])

        return y.reshape(len(y), *x.shape[1:]), shaped


@dataclass(frozen=True)
class BatchNorm(Normalise):
    """Over the batch, each channel by itself. Ioffe and Szegedy 2015, arXiv:1502.03167.

    Outside training the statistics are those of fixed training examples that pass through the same network: a pure
    function of the parameters, where frameworks keep running averages.
    """

    def axes(self, x: Array) -> tuple[int, ...]:
        return tuple(range(1, x.ndim - 1))

    def statistics(self, x: Array, run: Pass) -> tuple[Array, Array]:
        if run.statistics is not None:
            return next(run.statistics)
        statistics = super().statistics(x, run)
        run.seen.append(statistics)
        return statistics
