"""Linear models on real data: convex, with exact Hessian products and, where it is unique, a certified optimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from optibench.losses import cross_entropy, mse, perceptron, poisson, squared_hinge
from optibench.networks.layers import Dense
from optibench.networks.network import Network
from optibench.networks.problem import Splits, network_problem, one_hot
from optibench.plugin.functions import Loss
from optibench.plugin.problem import Problem, problem
from optibench.plugin.types import Array
from optibench.problems.data import splits, targets

#: Computed to 1e-10 by the solvers named in each source; the tests solve again and compare.
DIABETES_MINIMUM = 0.45993245116141085
BREAST_CANCER_MINIMUM = 0.09980452649722285
RIDGE_MINIMUM = 0.4758437155159368
POISSON_MINIMUM = 0.9292853519147426
SVM_MINIMUM = 0.06354420288705567
SOFTMAX_MINIMUM = 0.0810099159113502

#: (outputs, targets, direction), all (R, B, K) -> the second derivative of the loss along the direction, (R, B, K).
Curvature = Callable[[Array, Array, Array], Array]


def of_squares(output: Array, target: Array, along: Array) -> Array:
    return along * (2 / (along.shape[1] * along.shape[2]))


def of_logits(output: Array, target: Array, along: Array) -> Array:
    """p (1 - p) for one logit, diag(p) - p p' for several."""
    if output.shape[2] == 1:
        p = 0.5 * (1 + np.tanh(0.5 * output))
        return p * (1 - p) * along / along.shape[1]
    e = np.exp(output - output.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p * (along - (p * along).sum(axis=-1, keepdims=True)) / along.shape[1]


def of_margins(output: Array, target: Array, along: Array) -> Array:
    """2 where the margin is less than 1."""
    return np.where(output * target < 1, 2 * along / along.shape[1], 0).astype(along.dtype)


def of_rates(output: Array, target: Array, along: Array) -> Array:
    return np.exp(output) * along / (along.shape[1] * along.shape[2])


def linear_model(
    name: str, loss: Loss, curvature: Curvature | None, parts: Splits, l2: float = 0.0, **facts: Any
) -> Problem:
    """One dense layer on flat inputs, ``loss`` on its outputs, l2 / 2 |weights|^2 added; the bias is not penalised."""
    inputs, outputs = parts[0][0].shape[1], parts[0][1].shape[1]
    network = Network((inputs,), [Dense(outputs)], loss, l2)

    def hessian_product(w: Array, v: Array, x: Array, y: Array) -> Array:
        assert curvature is not None
        weight, bias = network.blocks
        along = x @ weight.of(v) + bias.of(v)[:, None, :]
        curved = curvature(network.predict(w, x), y, along)
        product = np.empty(v.shape, v.dtype)
        np.matmul(x.swapaxes(1, 2), curved, out=weight.of(product))
        np.matmul(np.ones((1, curved.shape[1]), v.dtype), curved, out=bias.of(product)[:, None, :])
        product[:, weight.slice] += v.dtype.type(l2) * v[:, weight.slice]
        return product

    return network_problem(name, network, parts, hessian_product=hessian_product if curvature else None, **facts)


def progression() -> Splits:
    """Diabetes: ten measurements, and the standardised progression of the disease."""
    target = splits("diabetes")[0][1]
    return targets("diabetes", lambda y: ((y - target.mean()) / target.std())[:, None])


DIABETES = "Efron et al. 2004, doi:10.1214/009053604000000067"
BREAST_CANCER = "Street, Wolberg and Mangasarian 1993"
DIGITS = "Alpaydin and Kaynak 1998, doi:10.24432/C50P49"


@problem
def diabetes_linear() -> Problem:
    """Linear regression of disease progression on ten measurements, mean squared error; convex, known optimum."""
    return linear_model(
        "diabetes-linear",
        mse,
        of_squares,
        progression(),
        minimum=DIABETES_MINIMUM,
        source=f"{DIABETES}; minimum by scipy.linalg.lstsq",
        epochs=100,
    )


@problem
def diabetes_ridge() -> Problem:
    """The linear regression of diabetes with an L2 penalty of 0.1; convex, known optimum."""
    return linear_model(
        "diabetes-ridge",
        mse,
        of_squares,
        progression(),
        l2=0.1,
        minimum=RIDGE_MINIMUM,
        source=f"{DIABETES}; minimum by the normal equations",
        epochs=100,
    )


@problem
def diabetes_poisson() -> Problem:
    """Poisson regression of the progression of diabetes, as a multiple of its mean; convex, known optimum."""
    mean = splits("diabetes")[0][1].mean()
    return linear_model(
        "diabetes-poisson",
        poisson,
        of_rates,
        targets("diabetes", lambda y: y[:, None] / mean),
        minimum=POISSON_MINIMUM,
        source=f"{DIABETES}; minimum by Newton's method",
        epochs=100,
    )


@problem
def breast_cancer_logistic() -> Problem:
    """Logistic regression of malignant or benign on thirty measurements, L2 penalty 1e-2; convex, known optimum."""
    return linear_model(
        "breast-cancer-logistic",
        cross_entropy,
        of_logits,
        targets("breast_cancer", lambda y: y[:, None].astype(float)),
        l2=1e-2,
        classes=True,
        minimum=BREAST_CANCER_MINIMUM,
        source=f"{BREAST_CANCER}; minimum by Newton's method (scipy.optimize trust-exact)",
        epochs=50,
    )


@problem
def breast_cancer_perceptron() -> Problem:
    """Rosenblatt's perceptron on malignant or benign; one example a step at lr 1 is the learning rule of 1958."""
    return linear_model(
        "breast-cancer-perceptron",
        perceptron,
        None,
        targets("breast_cancer", lambda y: 2.0 * y[:, None] - 1),
        classes=True,
        smooth=False,
        source=f"{BREAST_CANCER}; loss: Rosenblatt 1958",
        epochs=50,
    )


@problem
def breast_cancer_svm() -> Problem:
    """A linear support vector machine with squared hinge on malignant or benign, L2 1e-2; convex, known optimum."""
    return linear_model(
        "breast-cancer-svm",
        squared_hinge,
        of_margins,
        targets("breast_cancer", lambda y: 2.0 * y[:, None] - 1),
        l2=1e-2,
        classes=True,
        minimum=SVM_MINIMUM,
        source=f"{BREAST_CANCER}; loss: Tang 2013, arXiv:1306.0239; minimum by Newton's method",
        epochs=50,
    )


@problem
def digits_softmax() -> Problem:
    """Softmax regression on 8 x 8 images of digits, L2 penalty 1e-3; convex, known optimum."""
    return linear_model(
        "digits-softmax",
        cross_entropy,
        of_logits,
        targets("digits", lambda y: one_hot(y, 10)),
        l2=1e-3,
        classes=True,
        minimum=SOFTMAX_MINIMUM,
        source=f"{DIGITS}; minimum by Newton's method",
        epochs=20,
    )
