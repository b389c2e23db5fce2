"""Problems on real data, scikit-learn's bundled sets, and XOR: each is data, layers and a loss."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from optibench.activations import identity, tanh
from optibench.losses import cross_entropy, mse, perceptron
from optibench.networks.dense import DenseNetwork
from optibench.pieces import Activation, Array, Problem, problem

#: Computed to 1e-10 by the solvers named in each source; the tests solve again and compare.
DIABETES_MINIMUM = 0.45993245116141085
BREAST_CANCER_MINIMUM = 0.09980452649722285

Split = tuple[Array, Array]


@lru_cache
def splits(name: str) -> tuple[Split, Split, Split]:
    """scikit-learn's set ``name`` as (inputs, target) for training 60 %, validation 20 % and test 20 %.

    Shuffled once with seed 0; inputs standardised with the mean and deviation of the training part.
    """
    from sklearn import datasets  # here because it takes a second to import

    bunch = getattr(datasets, f"load_{name}")()
    x, y = np.asarray(bunch.data, float), np.asarray(bunch.target)
    order = np.random.default_rng(0).permutation(len(x))
    first, second = int(0.6 * len(x)), int(0.8 * len(x))
    train, validation, test = order[:first], order[first:second], order[second:]
    scale = x[train].std(axis=0)
    x = (x - x[train].mean(axis=0)) / np.where(scale > 0, scale, 1)  # a pixel that is always 0 stays 0
    return (x[train], y[train]), (x[validation], y[validation]), (x[test], y[test])


def network_problem(name: str, network: DenseNetwork, parts: tuple[Split, Split, Split], **facts: Any) -> Problem:
    """A problem of data, layers and loss; ``facts`` are further fields of Problem."""
    train, validation, test = parts
    return Problem(
        name,
        start=network.start,
        value_grad=network.value_grad,
        predict=network.predict,
        score=network.score,
        train=train,
        validation=validation,
        test=test,
        blocks=network.blocks,
        width=network.width,
        **facts,
    )


def targets(name: str, encode: Any) -> tuple[Split, Split, Split]:
    """The splits of set ``name`` with its targets put through ``encode``: (n,) -> (n, K)."""
    train, validation, test = splits(name)
    return (train[0], encode(train[1])), (validation[0], encode(validation[1])), (test[0], encode(test[1]))


@problem
def diabetes_linear() -> Problem:
    """Linear regression of disease progression on ten measurements, mean squared error; convex, known optimum."""
    target = splits("diabetes")[0][1]
    parts = targets("diabetes", lambda y: ((y - target.mean()) / target.std())[:, None])
    return network_problem(
        "diabetes-linear",
        DenseNetwork((10, 1), identity, mse),
        parts,
        minimum=DIABETES_MINIMUM,
        source="Efron et al. 2004, doi:10.1214/009053604000000067; minimum by scipy.linalg.lstsq",
        epochs=100,
    )


@problem
def breast_cancer_logistic() -> Problem:
    """Logistic regression of malignant or benign on thirty measurements, L2 penalty 1e-2; convex, known optimum."""
    return network_problem(
        "breast-cancer-logistic",
        DenseNetwork((30, 1), identity, cross_entropy, l2=1e-2),
        targets("breast_cancer", lambda y: y[:, None].astype(float)),
        classes=True,
        minimum=BREAST_CANCER_MINIMUM,
        source="Street, Wolberg and Mangasarian 1993; minimum by Newton's method (scipy.optimize trust-exact)",
        epochs=50,
    )


@problem
def breast_cancer_perceptron() -> Problem:
    """Rosenblatt's perceptron on malignant or benign; one example a step at lr 1 is the learning rule of 1958."""
    return network_problem(
        "breast-cancer-perceptron",
        DenseNetwork((30, 1), identity, perceptron),
        targets("breast_cancer", lambda y: 2.0 * y[:, None] - 1),
        classes=True,
        smooth=False,
        source="Street, Wolberg and Mangasarian 1993; loss: Rosenblatt 1958",
        epochs=50,
    )


def _one_hot(y: Array) -> Array:
    return np.eye(10)[y]


@problem
def digits_softmax() -> Problem:
    """Softmax regression on 8 x 8 images of digits; convex."""
    return network_problem(
        "digits-softmax",
        DenseNetwork((64, 10), identity, cross_entropy),
        targets("digits", _one_hot),
        classes=True,
        source="Alpaydin and Kaynak 1998, doi:10.24432/C50P49",
        epochs=20,
    )


@problem
def digits_mlp(*, activation: Activation = tanh) -> Problem:
    """A network of 64-32-10 units with softmax cross-entropy on 8 x 8 images of digits."""
    return network_problem(
        "digits-mlp",
        DenseNetwork((64, 32, 10), activation, cross_entropy),
        targets("digits", _one_hot),
        classes=True,
        source="Alpaydin and Kaynak 1998, doi:10.24432/C50P49",
        epochs=20,
    )


@problem
def xor_mlp(*, activation: Activation = tanh) -> Problem:
    """Exclusive or by a network of 2-2-1 units, logistic cross-entropy: small, not convex, with plateaus."""
    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    return network_problem(
        "xor-mlp",
        DenseNetwork((2, 2, 1), activation, cross_entropy),
        ((x, y), (), ()),  # type: ignore[arg-type]
        classes=True,
        source="Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0",
        epochs=1000,
    )
