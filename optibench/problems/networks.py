"""Networks on real and made data: each is data, layers and a loss."""

from __future__ import annotations

import numpy as np

from optibench.activations import tanh
from optibench.losses import cross_entropy
from optibench.networks.layers import Dense
from optibench.networks.network import Network
from optibench.networks.problem import network_problem, one_hot
from optibench.pieces import Activation, Problem, problem
from optibench.problems.data import targets
from optibench.problems.linear import DIGITS


@problem
def digits_mlp(*, activation: Activation = tanh) -> Problem:
    """A network of 64-32-10 units with softmax cross-entropy on 8 x 8 images of digits."""
    return network_problem(
        "digits-mlp",
        Network((64,), [Dense(32), activation, Dense(10)], cross_entropy),
        targets("digits", lambda y: one_hot(y, 10)),
        classes=True,
        source=DIGITS,
        epochs=20,
    )


@problem
def xor_mlp(*, activation: Activation = tanh) -> Problem:
    """Exclusive or by a network of 2-2-1 units, logistic cross-entropy: small, not convex, with plateaus."""
    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    y = np.array([[0.0], [1.0], [1.0], [0.0]])
    return network_problem(
        "xor-mlp",
        Network((2,), [Dense(2), activation, Dense(1)], cross_entropy),
        ((x, y), (), ()),
        classes=True,
        source="Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0",
        epochs=1000,
    )
