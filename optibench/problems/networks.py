"""Networks on real and made data: each is data, layers and a loss."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from optibench.activations import relu, sigmoid, tanh
from optibench.losses import cross_entropy, mse
from optibench.networks.convolution import Conv2d, MaxPool
from optibench.networks.layers import Dense, Flatten, Layer
from optibench.networks.network import Network
from optibench.networks.problem import Splits, network_problem, one_hot, split, standardised
from optibench.networks.sequence import Embedding, SimpleRNN
from optibench.plugin.functions import Activation, loss
from optibench.plugin.problem import Problem, problem
from optibench.plugin.types import Array
from optibench.problems.data import reshaped, targets
from optibench.problems.linear import DIABETES, DIGITS, progression

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])
TUTORIAL = "the per-sample network of many tutorials, after Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0"


def digits() -> Splits:
    """1,797 images of digits, standardised, and their classes."""
    return targets("digits", lambda y: one_hot(y, 10))


@problem
def xor_mlp(*, activation: Activation = tanh) -> Problem:
    """Exclusive or by a network of 2-2-1 units, logistic cross-entropy: small, not convex, with plateaus."""
    return network_problem(
        "xor-mlp",
        Network((2,), [Dense(2), activation, Dense(1)], cross_entropy),
        ((2 * CORNERS - 1, XOR), (), ()),
        classes=True,
        source="Rumelhart, Hinton and Williams 1986, doi:10.1038/323533a0",
        epochs=1000,
    )


def _mlp(inputs: int, hidden: list[int], outputs: int, activation: Activation, initial: str) -> Network:
    """Dense layers with an activation between them, and cross-entropy."""
    inner: list[Layer | Activation] = [part for units in hidden for part in (Dense(units, start=initial), activation)]
    return Network((inputs,), [*inner, Dense(outputs, start=initial)], cross_entropy)


@loss(name="half_squares", formula=r"\frac{1}{2B} \sum (o - y)^2")
def half_squares(output: Array, target: Array) -> tuple[Array, Array]:
    """Half the sum of squared errors, the mean over the batch: its slope on one example is the plain error."""
    error = output - target
    flat = (error**2).reshape(len(error), -1)
    return flat.sum(axis=-1) / (2 * output.shape[1]), error / output.shape[1]


def tutorial(name: str, sizes: tuple[int, int, int], activation: Activation, parts: Splits, epochs: int) -> Problem:
    """The network of that code: weights in +-0.25, an activation on the output too, half squared errors.

    Its hidden layer has one unit more than it says, in the place of a bias of the output.
    """
    inputs, hidden, outputs = sizes
    layers: list[Layer | Activation] = [Dense(hidden + 1, start="uniform", bias_start="uniform"), activation]
    layers += [Dense(outputs, start="uniform", bias=False), activation]
    network = Network((inputs,), layers, half_squares)
    return network_problem(name, network, parts, classes=True, source=TUTORIAL, epochs=epochs)


@problem
def tutorial_xor(*, activation: Activation = tanh) -> Problem:
    """Exclusive or of 0 and 1 by layers [2, 2, 1] with an activation on every unit; `sgd` at lr 0.2 solves it."""
    return tutorial("tutorial-xor", (2, 2, 1), activation, ((CORNERS, XOR), (), ()), epochs=2500)


@problem
def tutorial_digits(*, activation: Activation = sigmoid) -> Problem:
    """Digits by layers [64, 100, 10], an activation on every unit, pixels from 0 to 1; `sgd` at lr 0.2 learns them."""
    from sklearn.datasets import load_digits  # heavy

    bunch = load_digits()
    parts = split(bunch.data / 16, one_hot(bunch.target, 10))
    return tutorial("tutorial-digits", (64, 100, 10), activation, parts, epochs=25)


@problem
def digits_mlp(*, activation: Activation = tanh, initial: str = "xavier") -> Problem:
    """A network of 64-32-10 units with softmax cross-entropy on 8 x 8 images of digits."""
    return network_problem(
        "digits-mlp", _mlp(64, [32], 10, activation, initial), digits(), classes=True, source=DIGITS, epochs=20
    )


@problem
def digits_mlp_deep(*, activation: Activation = sigmoid, initial: str = "xavier") -> Problem:
    """Six layers, 64-32-32-32-32-32-10, on digits: with logistic units the gradients vanish on their way down."""
    return network_problem(
        "digits-mlp-deep",
        _mlp(64, [32] * 5, 10, activation, initial),
        digits(),
        classes=True,
        source=f"{DIGITS}; vanishing gradients: Glorot and Bengio 2010",
        epochs=20,
    )


@problem
def digits_cnn(*, activation: Activation = relu) -> Problem:
    """Two convolutions, a pool and a dense layer on 8 x 8 images of digits."""
    layers: list[Layer | Activation] = [Conv2d(16), activation, Conv2d(32), activation, MaxPool(), Flatten(), Dense(10)]
    return network_problem(
        "digits-cnn",
        Network((8, 8, 1), layers, cross_entropy),
        reshaped(digits(), 8, 8, 1),
        classes=True,
        source=f"{DIGITS}; LeCun et al. 1998, doi:10.1109/5.726791",
        epochs=20,
    )


@problem
def digits_autoencoder(*, activation: Activation = tanh) -> Problem:
    """Digits through eight numbers and back, 64-32-8-32-64, mean squared error."""
    train, validation, test = ((x, x) for x, _ in digits())
    return network_problem(
        "digits-autoencoder",
        Network((64,), [Dense(32), activation, Dense(8), activation, Dense(32), activation, Dense(64)], mse),
        (train, validation, test),
        source=f"{DIGITS}; Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647",
        epochs=20,
    )


@problem
def wine_mlp(*, activation: Activation = tanh, initial: str = "xavier") -> Problem:
    """A network of 13-16-3 units on three cultivars of wine."""
    return network_problem(
        "wine-mlp",
        _mlp(13, [16], 3, activation, initial),
        targets("wine", lambda y: one_hot(y, 3)),
        classes=True,
        source="Aeberhard and Forina 1992, doi:10.24432/C5PC7J",
        epochs=100,
    )


@problem
def diabetes_mlp(*, activation: Activation = tanh) -> Problem:
    """A network of 10-32-1 units on the progression of diabetes, mean squared error."""
    return network_problem(
        "diabetes-mlp",
        Network((10,), [Dense(32), activation, Dense(1)], mse),
        progression(),
        source=DIABETES,
        epochs=100,
    )


@problem
def moons_mlp(*, activation: Activation = tanh, initial: str = "xavier") -> Problem:
    """Two half moons with noise, by a network of 2-16-16-1 units."""
    from sklearn.datasets import make_moons  # heavy

    x, y = make_moons(500, noise=0.2, random_state=0)
    return network_problem(
        "moons-mlp",
        _mlp(2, [16, 16], 1, activation, initial),
        standardised(split(x, y[:, None].astype(float))),
        classes=True,
        source="scikit-learn's make_moons(500, noise=0.2, random_state=0)",
        epochs=100,
    )


@problem
def spirals_mlp(*, activation: Activation = tanh, initial: str = "xavier") -> Problem:
    """Two spirals around each other, by a network of 2-32-32-1 units: no straight line helps anywhere."""
    turn = np.tile(np.arange(300) / 300, 2)
    arm = np.repeat([0.0, 1.0], 300)
    angle, radius = 2 * np.pi * (1.5 * turn + 0.5 * arm), 0.1 + 0.9 * turn
    noise = 0.02 * np.random.default_rng(0).standard_normal((600, 2))
    x = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]) + noise
    return network_problem(
        "spirals-mlp",
        _mlp(2, [32, 32], 1, activation, initial),
        standardised(split(x, arm[:, None])),
        classes=True,
        source="Lang and Witbrock 1988, Learning to tell two spirals apart; 1.5 turns, noise 0.02",
        epochs=200,
    )


#: Characters that a text is reduced to; any other is a space.
ALPHABET = " abcdefghijklmnopqrstuvwxyz0123456789.,:-()"


@lru_cache
def texts(length: int) -> Splits:
    """Windows of the descriptions that scikit-learn's data sets carry, as numbers, and the character that follows."""
    from sklearn import datasets  # heavy

    names = ("iris", "wine", "digits", "diabetes", "breast_cancer", "linnerud")
    text = " ".join(" ".join(getattr(datasets, f"load_{name}")().DESCR.lower().split()) for name in names)
    numbers = np.array([max(ALPHABET.find(letter), 0) for letter in text])
    begins = np.arange(0, len(numbers) - length - 1, 2)
    windows = numbers[begins[:, None] + np.arange(length)]
    return split(windows.astype(float), one_hot(numbers[begins + length], len(ALPHABET)))


@problem
def char_rnn(*, length: int = 16, units: int = 48) -> Problem:
    """The next character of English text after 16, by an embedding and a simple recurrent network."""
    letters = len(ALPHABET)
    return network_problem(
        "char-rnn",
        Network((length,), [Embedding(letters, 12), SimpleRNN(units), Dense(letters)], cross_entropy),
        texts(length),
        classes=True,
        source="the descriptions of scikit-learn's data sets; Elman 1990, doi:10.1207/s15516709cog1402_1",
        epochs=10,
    )
