"""A stack of layers with a loss: one flat row of parameters a run, forward and backward for all runs at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from optibench.errors import PluginError
from optibench.networks.layers import Activate, Back, BatchNorm, Layer, Pass, Shape
from optibench.plugin.functions import Activation, Loss
from optibench.plugin.problem import Block, blocks_of
from optibench.plugin.types import Array

#: A unit whose slope is less than this on every example has zero gradient: it is dead.
DEAD = 1e-6
#: One whose slope is less than this share of its activation's largest on every example is saturated.
SATURATED = 1e-2
#: Of how many training examples the statistics are that normalise a batch outside training.
REFERENCE = 256


@dataclass(frozen=True, eq=False)
class Network:
    """Layers on examples of shape ``inputs``, ``loss`` on what comes out, l2 / 2 |weights|^2 added."""

    inputs: Shape
    layers: Sequence[Layer | Activation]
    loss: Loss
    l2: float = 0.0
    reference: Array | None = None  # examples whose statistics normalise a batch outside training

    def __post_init__(self) -> None:
        self.shapes  # noqa: B018  a stack that does not fit is refused when it is made

    @cached_property
    def stack(self) -> list[Layer]:
        """The layers, activations among them as layers."""
        return [Activate(layer) if isinstance(layer, Activation) else layer for layer in self.layers]

    @cached_property
    def shapes(self) -> list[Shape]:
        """The shape of an example before every layer, and after the last."""
        shapes = [tuple(self.inputs)]
        for number, layer in enumerate(self.stack, start=1):
            before = f"layer {number - 1} ({self.stack[number - 2].name}) gives" if number > 1 else "the inputs are"
            try:
                shapes.append(layer.output(shapes[-1]))
            except ValueError as error:
                raise PluginError(
                    f"layer {number} ({layer.name}) {error}, but {before} {shapes[-1]}; change one of the two"
                ) from None
        return shapes

    @cached_property
    def own(self) -> list[list[Block]]:
        """The blocks of every layer."""
        shapes = {
            f"{name}{number}": parameter.shape
            for number, (layer, shape) in enumerate(zip(self.stack, self.shapes[:-1], strict=True), start=1)
            for name, parameter in layer.parameters(shape).items()
        }
        blocks = iter(blocks_of(**shapes))
        return [
            [next(blocks) for _ in layer.parameters(shape)]
            for layer, shape in zip(self.stack, self.shapes[:-1], strict=True)
        ]

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(block for blocks in self.own for block in blocks)

    @cached_property
    def spans(self) -> tuple[Block, ...]:
        """The parameters of every layer that has some as one block: ``dense1`` is a weight with its bias."""
        spans = []
        for number, (layer, blocks) in enumerate(zip(self.stack, self.own, strict=True), start=1):
            if blocks:
                begin, end = blocks[0].slice.start, blocks[-1].slice.stop
                spans.append(Block(f"{layer.name}{number}", slice(begin, end), (end - begin,)))
        return tuple(spans)

    @cached_property
    def weights(self) -> list[Block]:
        """What the penalty is on: no bias, no scale."""
        return [block for block in self.blocks if len(block.shape) > 1] if self.l2 else []

    @cached_property
    def first(self) -> int:
        """The first layer with parameters: no slope is needed below it."""
        return next((index for index, blocks in enumerate(self.own) if blocks), len(self.own))

    @property
    def width(self) -> int:
        """Numbers that a run keeps for one example between forward and backward."""
        kept = sum(layer.keeps(shape) for layer, shape in zip(self.stack, self.shapes[:-1], strict=True))
        return int(np.prod(self.inputs)) + kept + 2 * int(np.prod(self.shapes[-1]))

    def start(self, rng: np.random.Generator) -> Array:
        """(P,)"""
        parameters = (
            parameter
            for layer, shape in zip(self.stack, self.shapes[:-1], strict=True)
            for parameter in layer.parameters(shape).values()
        )
        return np.concatenate([parameter.draw(rng).ravel() for parameter in parameters])

    def draws(self, rng: np.random.Generator, batch: int) -> tuple[Array, ...]:
        """The noise of one run for one batch in training."""
        noises = (layer.noise(rng, batch, shape) for layer, shape in zip(self.stack, self.shapes[:-1], strict=True))
        return tuple(noise for noise in noises if noise is not None)

    @cached_property
    def is_noisy(self) -> bool:
        """Whether a layer draws noise in training."""
        return bool(self.draws(np.random.default_rng(0), 1))

    @cached_property
    def sees_its_batch(self) -> bool:
        """Whether an example's output depends on the others of its batch in training."""
        return any(isinstance(layer, BatchNorm) for layer in self.stack)

    def value(self, w: Array, x: Array, y: Array, *draws: Array) -> Array:
        """The loss in training, (R,)."""
        return self.score(w, self._forward(w, x, Pass(training=True, draws=iter(draws)))[0], y)

    def predict(self, w: Array, x: Array) -> Array:
        """What comes out of the last layer outside training, (R, B, ...)."""
        return self._forward(w, x, self._outside(w))[0]

    def _outside(self, w: Array) -> Pass:
        """A pass outside training: what normalises a batch are the statistics of the reference."""
        run = Pass(training=False)
        if self.reference is not None:
            passed = Pass(training=False)
            self._forward(w, self.reference[None].astype(w.dtype, copy=False), passed)
            run.statistics = iter(passed.seen)
        return run

    def units(self, w: Array, x: Array) -> tuple[Array, int, str]:
        """Hidden units with zero gradient (dead): their slope is 0 on every example. (R,), of how many, of what."""
        dead, count, names = np.zeros(len(w), int), 0, []
        for layer, _, slope in self._steepest(w, x):
            dead += (slope < DEAD).sum(axis=-1)
            count += slope.shape[1]
            names.append(layer.name)
        return dead, count, ", ".join(dict.fromkeys(names))

    def saturation(self, w: Array, x: Array) -> dict[str, Array]:
        """The share (R,) of each hidden layer's units that are saturated, by the layer's name: ``tanh2``.

        A unit is saturated if on no example its slope reaches SATURATED of the steepest that its activation has: both
        tails of a sigmoid, and a rectifier that is 0 everywhere.
        """
        return {
            f"{layer.name}{number}": (slope < SATURATED * _largest_slope(layer.activation)).mean(axis=-1)
            for layer, number, slope in self._steepest(w, x)
        }

    def _steepest(self, w: Array, x: Array) -> Iterator[tuple[Activate, int, Array]]:
        """Each hidden activation, its number, and the largest |slope| of its units over x, (R or 1, units)."""
        run = self._outside(w)
        for number, (layer, blocks) in enumerate(zip(self.stack, self.own, strict=True), start=1):
            if isinstance(layer, Activate) and number < len(self.stack):
                slope = np.abs(layer.activation(x)[1]).max(axis=1)
                yield layer, number, slope.reshape(len(slope), -1)
            x = layer.forward(x, [block.of(w) for block in blocks], run)[0]

    def score(self, w: Array, output: Array, y: Array) -> Array:
        """The loss of ``output``, the penalty of w included, (R,)."""
        return self.loss(output, y)[0] + self._penalty(w)

    def value_grad(self, w: Array, x: Array, y: Array, *draws: Array) -> tuple[Array, Array]:
        output, backs = self._forward(w, x, Pass(training=True, draws=iter(draws)))
        value, delta = self.loss(output, y)
        g = np.empty(w.shape, w.dtype)
        for index in reversed(range(self.first, len(backs))):
            inner = backs[index](delta, [block.of(g) for block in self.own[index]], index > self.first)
            delta = delta if inner is None else inner
        for block in self.weights:
            g[:, block.slice] += w.dtype.type(self.l2) * w[:, block.slice]
        return value + self._penalty(w), g

    def _forward(self, w: Array, x: Array, run: Pass) -> tuple[Array, list[Back]]:
        backs = []
        for layer, blocks in zip(self.stack, self.own, strict=True):
            x, back = layer.forward(x, [block.of(w) for block in blocks], run)
            backs.append(back)
        return x, backs

    def _penalty(self, w: Array) -> Array | float:
        if not self.l2:
            return 0.0
        squares = sum((w[:, block.slice] ** 2).sum(axis=-1) for block in self.weights)
        return w.dtype.type(self.l2 / 2) * squares


def _largest_slope(activation: Activation) -> float:
    """The steepest of an activation around 0: 1/4 of the logistic, 1 of tanh and relu."""
    return float(np.abs(activation(np.linspace(-10.0, 10.0, 2001))[1]).max())
