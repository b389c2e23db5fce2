"""The Huber loss, and the diabetes regression with it."""

import numpy as np

from optibench import hookimpl, loss, problem
from optibench.networks import Dense, Network, network_problem
from optibench.problems.linear import progression


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
    return network_problem(
        "diabetes-huber",
        Network((10,), [Dense(1)], huber),
        progression(),
        source="Efron et al. 2004, doi:10.1214/009053604000000067; loss: Huber 1964",
    )


@hookimpl
def optibench_losses():
    return [huber]


@hookimpl
def optibench_problems():
    return [diabetes_huber]
