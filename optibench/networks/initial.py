"""Initialisations: (rng, shape, inputs, outputs) -> array; inputs and outputs are what one unit sees and feeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optibench.errors import UnknownName
from optibench.plugin.types import Array

Rng = np.random.Generator


def zeros(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """All 0: no unit differs from another."""
    return np.zeros(shape)


def ones(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """All 1: the scale of a normalisation."""
    return np.ones(shape)


def normal(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Normal with deviation 0.1, whatever the layer's size."""
    return 0.1 * rng.standard_normal(shape)


def uniform(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Uniform in +-0.25, whatever the layer's size: the habit of tutorials."""
    return rng.uniform(-0.25, 0.25, shape)


def xavier(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Uniform in +-sqrt(6 / (in + out)). Glorot and Bengio 2010, eq. 16."""
    return rng.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))


def he(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Normal with variance 2 / in. He et al. 2015, arXiv:1502.01852, eq. 10."""
    return rng.standard_normal(shape) * np.sqrt(2 / inputs)


def lecun(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Normal with variance 1 / in. LeCun et al. 1998, Efficient BackProp, eq. 16."""
    return rng.standard_normal(shape) * np.sqrt(1 / inputs)


def orthogonal(rng: Rng, shape: tuple[int, ...], inputs: int, outputs: int) -> Array:
    """Orthonormal columns, or rows where there are fewer of them. Saxe et al. 2014, arXiv:1312.6120."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return (q if rows >= columns else q.T).reshape(shape)


INITIAL: dict[str, Callable[[Rng, tuple[int, ...], int, int], Array]] = {
    function.__name__: function for function in (zeros, ones, normal, uniform, xavier, he, lecun, orthogonal)
}


def initial(name: str) -> Callable[[Rng, tuple[int, ...], int, int], Array]:
    if name not in INITIAL:
        raise UnknownName("initialisation", name, INITIAL)
    return INITIAL[name]
