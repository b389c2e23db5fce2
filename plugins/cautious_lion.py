from numpy import sign

from optibench import hookimpl, optimizer


@optimizer(parent="lion", reference="Liang et al. 2024, arXiv:2411.16085, Algorithm 2", trace="cautious_lion.json")
def cautious_lion(w, g, m=0, *, lr=1e-4, beta1=0.9, beta2=0.99):
    """Lion, only where it agrees with the gradient. Liang et al. 2024, arXiv:2411.16085, Algorithm 2."""
    direction = sign(beta1 * m + (1 - beta1) * g)
    agree = (direction * g > 0).astype(w.dtype)
    share = (agree.sum(axis=-1, keepdims=True) + 1) / w.shape[-1]
    m = beta2 * m + (1 - beta2) * g
    return w - lr * direction * agree / share, m


@hookimpl
def optibench_optimizers():
    return [cautious_lion]
