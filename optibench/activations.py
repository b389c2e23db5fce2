"""Activation functions: z -> (a, slope), elementwise, with slope = da/dz."""

from __future__ import annotations

import numpy as np

from optibench.hookspecs import hookimpl
from optibench.pieces import Activation, Array, activation


@activation(formula="z")
def identity(z: Array) -> tuple[Array, Array]:
    """The number itself: a linear unit."""
    return z, np.ones_like(z)


@activation(formula=r"1 / (1 + e^{-z})")
def sigmoid(z: Array) -> tuple[Array, Array]:
    """The logistic function, by tanh: no overflow at any z."""
    a = 0.5 * (1 + np.tanh(0.5 * z))
    return a, a * (1 - a)


@activation(formula=r"\tanh z")
def tanh(z: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent."""
    a = np.tanh(z)
    return a, 1 - a**2


@activation(formula=r"\max(0, z)", reference="Nair and Hinton 2010")
def relu(z: Array) -> tuple[Array, Array]:
    """The rectified linear unit; slope 0 at z = 0."""
    return np.maximum(z, 0), (z > 0).astype(z.dtype)


@hookimpl
def optibench_activations() -> list[Activation]:
    return [identity, sigmoid, tanh, relu]
