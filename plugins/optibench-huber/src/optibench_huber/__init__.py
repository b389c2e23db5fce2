"""The Huber loss, and the diabetes regression with it."""

import numpy as np

from optibench import Problem, hookimpl, loss, problem
from optibench.activations import identity
from optibench.networks.dense import DenseNetwork
from optibench.problems.data import splits


@loss(formula=r"\frac{1}{BK} \sum \min(e^2 / 2, |e| - 1/2)", reference="Huber 1964, doi:10.1214/aoms/1177703732")
def huber(output, target):
    """Half the squared error up to 1, linear beyond it: outliers pull with a bounded force."""
    error = output - target  # (R, B, K)
    size = np.abs(error)
    each = np.where(size <= 1, 0.5 * error**2, size - 0.5)
    return each.reshape(len(each), -1).mean(axis=-1), np.clip(error, -1, 1) / (error.shape[1] * error.shape[2])


@problem
def diabetes_huber():
    """Linear regression of disease progression on ten measurements, Huber loss; convex."""
    network = DenseNetwork((10, 1), identity, huber)
    mean, deviation = splits("diabetes")[0][1].mean(), splits("diabetes")[0][1].std()
    train, validation, test = ((x, (y[:, None] - mean) / deviation) for x, y in splits("diabetes"))
    return Problem(
        "diabetes-huber",
        start=network.start,
        value_grad=network.value_grad,
        predict=network.predict,
        train=train,
        validation=validation,
        test=test,
        blocks=network.blocks,
        source="Efron et al. 2004, doi:10.1214/009053604000000067; loss: Huber 1964",
    )


@hookimpl
def optibench_losses():
    return [huber]


@hookimpl
def optibench_problems():
    return [diabetes_huber]
