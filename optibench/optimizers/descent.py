"""Gradient descent, its three samplings, and momentum."""

from __future__ import annotations

from optibench.pieces import optimizer


def descend(w, g, *, lr=1e-2):
    """Gradient descent: full batch `gd`, one example `sgd`, 32 examples `minibatch`. Robbins and Monro 1951, eq. 6."""
    return w - lr * g


FORMULA = r"w_{t} = w_{t-1} - \eta\, g_t"
gd = optimizer(descend, name="gd", batch="full", formula=FORMULA, reference="Cauchy 1847")
sgd = optimizer(descend, name="sgd", batch=1, parent="gd", formula=FORMULA, reference="Robbins and Monro 1951")
minibatch = optimizer(descend, name="minibatch", batch=32, parent="gd", formula=FORMULA, reference="Bottou 2010")


@optimizer(
    parent="gd",
    formula=r"b_t = \mu b_{t-1} + (1 - d)\, g_t, \quad w_t = w_{t-1} - \eta\, b_t",
    reference="Polyak 1964, doi:10.1016/0041-5553(64)90137-5",
)
def momentum(w, g, t, b=0, *, lr=1e-2, momentum=0.9, dampening=0.0):
    """Heavy ball. Polyak 1964, eq. 9, as PyTorch's SGD: the first b is g, undamped; Keras keeps lr inside b."""
    b = g if t == 1 else momentum * b + (1 - dampening) * g
    return w - lr * b, b


@optimizer(
    parent="momentum",
    formula=r"b_t = \mu b_{t-1} + g_t, \quad w_t = w_{t-1} - \eta\, (g_t + \mu b_t)",
    reference="Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html",
)
def nesterov(w, g, b=0, *, lr=1e-2, momentum=0.9):
    """Nesterov 1983 in the form of Sutskever et al. 2013, at the look-ahead point, as PyTorch and Keras have it."""
    b = momentum * b + g
    return w - lr * (g + momentum * b), b
