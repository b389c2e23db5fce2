"""What is minimised: a pure function of its name, version and parameters."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import overload

import numpy as np

from optibench.plugin.choice import label
from optibench.plugin.functions import summary_of
from optibench.plugin.types import Array, Facts


@dataclass(frozen=True)
class Block:
    """One parameter array inside w: ``block.of(w)`` is its view, (R, *shape)."""

    name: str
    slice: slice
    shape: tuple[int, ...]

    def of(self, w: Array) -> Array:
        return w[:, self.slice].reshape(-1, *self.shape)


def blocks_of(**shapes: tuple[int, ...]) -> tuple[Block, ...]:
    """Blocks laid out one after the other: ``blocks_of(weight=(3, 2), bias=(2,))``."""
    blocks, begin = [], 0
    for name, shape in shapes.items():
        end = begin + int(np.prod(shape))
        blocks.append(Block(name, slice(begin, end), shape))
        begin = end
    return tuple(blocks)


@dataclass(frozen=True)
class Problem:
    """What is minimised: a pure function of its name, version and parameters.

    start(rng) -> (P,). value_grad(w, *batch) -> (loss (R,), gradient (R, P)), both in w's dtype, each run by itself:
    stacked matrix products only. ``train``, ``validation`` and ``test`` are tuples of arrays with one row an example;
    a batch is rows of each, (R, B, ...), or (1, B, ...) where all runs share it, and what ``draws`` gives behind them.
    A problem without data gets no batch.
    """

    name: str
    start: Callable[[np.random.Generator], Array]
    value_grad: Callable[..., tuple[Array, Array]]
    value: Callable[..., Array] | None = None  # (w, *batch) -> (R,), if cheaper than value_grad
    hessian_product: Callable[..., Array] | None = None  # (w, v, *batch) -> (R, P); else differences of gradients
    predict: Callable[..., Array] | None = None  # (w, x) -> outputs (R, B, K)
    score: Callable[..., Array] | None = None  # (w, outputs, target) -> (R,), the loss of what predict gave
    classes: bool = False  # whether outputs are scores of classes
    smooth: bool = True  # whether the slope has no jumps, so that Hessian products mean something
    train: tuple[Array, ...] = ()
    validation: tuple[Array, ...] = ()
    test: tuple[Array, ...] = ()
    draws: Callable[..., tuple[Array, ...]] | None = None  # (rng, examples) -> noise of a batch, (B, ...) each
    units: Callable[..., tuple[Array, int, str]] | None = None  # (w, x) -> dead hidden units (R,), of how many, of what
    saturation: Callable[..., Mapping[str, Array]] | None = None  # (w, x) -> saturated share (R,) of each hidden layer
    blocks: tuple[Block, ...] = ()
    layers: tuple[Block, ...] = ()  # what instruments report on: several blocks that lie together; else each block
    minimum: float | None = None
    minimizer: tuple[float, ...] | None = None
    source: str = ""  # of the problem and of its minimum
    domain: tuple[tuple[float, float], ...] = ()  # what a picture of a 2-D problem shows
    epochs: int = 100  # the budget if none is given; without data an epoch is one step
    width: int = 0  # numbers a run keeps for one example between forward and backward
    version: int = 1
    constants: tuple[Array, ...] = ()  # arrays that define it besides its data
    piece: ProblemFactory | None = None

    @cached_property
    def size(self) -> int:
        """P, the number of parameters."""
        return len(self.start(np.random.default_rng(0)))

    @cached_property
    def examples(self) -> int:
        return len(self.train[0]) if self.train else 0

    def loss(self, w: Array, *batch: Array) -> Array:
        """The loss alone, (R,), in the cheapest way that the problem has."""
        if self.predict is not None and self.score is not None:
            return self.score(w, self.predict(w, batch[0]), *batch[1:])
        value: Array = self.value_grad(w, *batch)[0] if self.value is None else self.value(w, *batch)
        return value

    @cached_property
    def fingerprint(self) -> str:
        """A hash of name, version and every array, or of a value where it has none, 16 hex digits."""
        digest = hashlib.sha256(f"{self.name} {self.version}".encode())
        for array in (*self.train, *self.validation, *self.test, *self.constants):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        if not (self.train or self.constants):  # a formula: known by a value, to the digits that all processors share
            with suppress(Exception), np.errstate(all="ignore"):  # what fails here fails in its runs, with its reason
                start = np.asarray(self.start(np.random.default_rng(0)), float)[None]
                digest.update(f"{float(self.loss(start)[0]):.9g}".encode())
        return digest.hexdigest()[:16]

    def astype(self, dtype: str) -> Problem:
        """The same problem with its data in ``dtype``, read-only."""

        def cast(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
            copies = tuple(np.array(array, dtype=dtype, order="C") for array in arrays)
            for copy in copies:
                copy.flags.writeable = False
            return copies

        return replace(self, train=cast(self.train), validation=cast(self.validation), test=cast(self.test))


@dataclass(frozen=True)
class ProblemFactory:
    """A function that builds a Problem; its keyword-only arguments are the problem's parameters."""

    name: str
    function: Callable[..., Problem]
    parameters: Facts

    def __call__(self, **parameters: object) -> Problem:
        built = self.function(**parameters)
        changed = {key: value for key, value in sorted(parameters.items()) if value != self.parameters[key]}
        return replace(built, name=label(self.name, changed), piece=self)

    @property
    def summary(self) -> str:
        return summary_of(self.function)


@overload
def problem(function: Callable[..., Problem], /, *, name: str = "") -> ProblemFactory: ...


@overload
def problem(function: None = None, /, *, name: str = "") -> Callable[[Callable[..., Problem]], ProblemFactory]: ...


def problem(
    function: Callable[..., Problem] | None = None, /, *, name: str = ""
) -> ProblemFactory | Callable[[Callable[..., Problem]], ProblemFactory]:
    """Declare a problem: a function with keyword-only parameters that returns a Problem."""
    if function is None:
        return lambda function: problem(function, name=name)
    name = name or function.__name__.replace("_", "-")
    parameters = {key: parameter.default for key, parameter in inspect.signature(function).parameters.items()}
    return ProblemFactory(name, function, parameters)
