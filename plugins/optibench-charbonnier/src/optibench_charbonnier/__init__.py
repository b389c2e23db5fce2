"""The Charbonnier loss, and the diabetes regression with it."""

import numpy as np

from optibench import hookimpl, loss, problem
from optibench.networks import Dense, Network, network_problem
from optibench.problems.linear import progression


@loss(
    formula=r"\frac{1}{BK} \sum (\sqrt{1 + e^2} - 1)", reference="Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553"
)
def charbonnier(output, target):
    """Half the square near 0, linear far out; the mean over batch and outputs; targets are real numbers."""
    error = output - target  # (R, B, K)
    root = np.sqrt(1 + error**2)
    each = (root - 1).reshape(len(error), -1)
    return each.mean(axis=-1), error / root / each.shape[1]


@problem
def diabetes_charbonnier():
    """Linear regression of disease progression on ten measurements, Charbonnier loss; convex."""
    return network_problem(
        "diabetes-charbonnier",
        Network((10,), [Dense(1)], charbonnier),
        progression(),
        source="Efron et al. 2004, doi:10.1214/009053604000000067; loss: Charbonnier et al. 1994",
    )


@hookimpl
def optibench_losses():
    return [charbonnier]


@hookimpl
def optibench_problems():
    return [diabetes_charbonnier]
