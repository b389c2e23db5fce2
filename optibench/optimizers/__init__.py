"""The built-in optimizers, one family a file. In every rule: w parameters, g gradient, t step, m and v averages."""

from __future__ import annotations

from optibench.hookspecs import hookimpl
from optibench.optimizers.adaptive import adam, adamw, rmsprop
from optibench.optimizers.descent import gd, minibatch, momentum, nesterov, sgd
from optibench.pieces import Optimizer


@hookimpl
def optibench_optimizers() -> list[Optimizer]:
    return [gd, sgd, minibatch, momentum, nesterov, rmsprop, adam, adamw]
