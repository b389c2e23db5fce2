from numpy import sign

from optibench import hookimpl, optimizer


@optimizer
def lion(w, g, m=0, *, lr=1e-4, beta1=0.9, beta2=0.99):
    """Sign of an interpolated momentum. Chen et al. 2023, arXiv:2302.06675, Algorithm 2."""
    direction = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return w - lr * direction, m


@hookimpl
def optibench_optimizers():
    return [lion]
