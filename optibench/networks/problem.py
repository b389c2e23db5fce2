"""A network and data as a problem, and what data need before: splits, standardisation, classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from optibench.errors import PluginError
from optibench.networks.layers import Activate
from optibench.networks.network import REFERENCE, Network
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array

Split = tuple[Array, ...]
Splits = tuple[Split, Split, Split]


def network_problem(name: str, network: Network, parts: Splits, **facts: Any) -> Problem:
    """A problem of data, layers and loss: ``parts`` are (inputs, targets) for training, validation and test.

    ``facts`` are further fields of Problem. Data that do not fit the network are an error.
    """
    for part, (x, y) in zip(("training", "validation", "test"), (part for part in parts if part), strict=False):
        _check(f"problem '{name}', {part} data", network, np.asarray(x), np.asarray(y))
    train, validation, test = parts
    if network.sees_its_batch:
        network = replace(network, reference=np.asarray(train[0][:REFERENCE], float))
    hidden = any(isinstance(layer, Activate) for layer in network.stack[:-1])
    return Problem(
        name,
        start=network.start,
        value_grad=network.value_grad,
        value=network.value if network.is_noisy or network.sees_its_batch else None,
        predict=network.predict,
        score=network.score,
        draws=network.draws if network.is_noisy else None,
        train=train,
        validation=validation,
        test=test,
        units=network.units if hidden else None,
        saturation=network.saturation if hidden else None,
        blocks=network.blocks,
        layers=network.spans,
        width=network.width,
        **facts,
    )


def _check(what: str, network: Network, x: Array, y: Array) -> None:
    if len(x) != len(y):
        raise PluginError(f"{what}: {len(x)} inputs, but {len(y)} targets; give one target an input")
    if x.shape[1:] != tuple(network.inputs):
        raise PluginError(
            f"{what}: an example has shape {x.shape[1:]}, but the network takes {tuple(network.inputs)}; change one of "
            "the two"
        )
    if y.shape[1:] != network.shapes[-1]:
        raise PluginError(
            f"{what}: the loss {network.loss.name} compares targets {y.shape[1:]} with outputs {network.shapes[-1]}; "
            "they must have the same shape (one_hot makes classes)"
        )
    for word, array in (("inputs", x), ("targets", y)):
        if not np.isfinite(array).all():
            index = tuple(int(number) for number in np.argwhere(~np.isfinite(array))[0])
            raise PluginError(f"{what}: {word}[{', '.join(map(str, index))}] is {array[index]}; drop or fill it")


def one_hot(labels: Array, classes: int) -> Array:
    """(n,) whole numbers from 0 -> (n, classes)."""
    labels = np.asarray(labels)
    wrong = np.flatnonzero(~np.isin(labels, np.arange(classes)))
    if len(wrong):
        raise PluginError(
            f"label {labels[wrong[0]]} of example {wrong[0]}: labels must be whole numbers from 0 to {classes - 1}"
        )
    return np.eye(classes)[labels.astype(int)]


def split(x: Array, y: Array, shares: tuple[float, float] = (0.6, 0.8)) -> Splits:
    """(inputs, targets) for training, validation and test, 60, 20 and 20 %, shuffled once with seed 0."""
    order = np.random.default_rng(0).permutation(len(x))
    first, second = (int(share * len(x)) for share in shares)
    train, validation, test = order[:first], order[first:second], order[second:]
    return (x[train], y[train]), (x[validation], y[validation]), (x[test], y[test])


def standardised(parts: Splits, constant: str = "refuse") -> Splits:
    """Inputs with mean 0 and deviation 1 in every column, by the training part alone.

    A column that is constant there cannot be scaled: ``constant="keep"`` leaves it at 0.
    """
    mean, scale = parts[0][0].mean(axis=0), parts[0][0].std(axis=0)
    dead = np.flatnonzero(scale == 0)
    if len(dead) and constant != "keep":
        raise PluginError(
            f"inputs: column {dead[0]} is constant, {np.ravel(mean)[dead[0]]:g}, and has no scale; drop it, or "
            'pass constant="keep"'
        )
    train, validation, test = (((x - mean) / np.where(scale > 0, scale, 1), y) for x, y in parts)
    return train, validation, test
