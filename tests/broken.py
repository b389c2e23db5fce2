"""A plugin of rules that break the contract, one each."""

import os

import numpy as np

from optibench import hookimpl, optimizer


@optimizer
def raises(w, g, t, *, lr=0.1):
    if t > 30:
        raise ValueError("oh no")
    return w - lr * g


@optimizer
def mutates(w, g, *, lr=0.1):
    w -= lr * g
    return w


@optimizer
def too_few(w, g, m=0, *, lr=0.1):
    return w - lr * g


@optimizer
def wrong_shape(w, g, *, lr=0.1):
    return (w - lr * g)[:, :3]


@optimizer
def wrong_dtype(w, g, *, lr=0.1):
    return (w - lr * g).astype("float16")


@optimizer
def no_array(w, g, *, lr=0.1):
    return 1.0


@optimizer
def not_a_number(w, g, t, *, lr=0.1):
    return w * np.nan if t == 7 else w - lr * g


@optimizer
def hangs(w, g, t, *, lr=0.1):
    while t > 30:
        pass
    return w - lr * g


@optimizer
def stubborn(w, g, t, *, lr=0.1):
    while t > 30:
        try:
            while True:
                pass
        except BaseException:
            continue
    return w - lr * g


@optimizer
def dies(w, g, t, *, lr=0.1):
    if t > 30:
        os._exit(3)
    return w - lr * g


@hookimpl
def optibench_optimizers():
    return [raises, mutates, too_few, wrong_shape, wrong_dtype, no_array, not_a_number, hangs, stubborn, dies]
