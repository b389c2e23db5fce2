"""The built-in optimizers, one family a file. In every rule: w parameters, g gradient, t step, m and v averages."""

from __future__ import annotations

from optibench.optimizers.adam import (
    adabelief,
    adam,
    adamax,
    adamw,
    adan,
    ademamix,
    amsgrad,
    nadam,
    prodigy,
    radam,
    schedule_free_adamw,
    yogi,
)
from optibench.optimizers.adaptive import adadelta, adagrad, rmsprop
from optibench.optimizers.curvature import lbfgs, sophia
from optibench.optimizers.descent import asgd, gd, minibatch, momentum, nesterov, polyak, schedule_free_sgd, sgd
from optibench.optimizers.layerwise import lamb, lars, novograd
from optibench.optimizers.matrix import adafactor, muon, shampoo, soap
from optibench.optimizers.scipy_methods import SOLVERS
from optibench.optimizers.sign import lion, rprop, signsgd, signum
from optibench.optimizers.wrappers import lookahead, sam
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.wrapper import Wrapper


@hookimpl
def optibench_optimizers() -> list[Optimizer]:
    return [
        *(gd, sgd, minibatch, momentum, nesterov, asgd, polyak, schedule_free_sgd),
        *(adagrad, adadelta, rmsprop),
        *(adam, adamw, amsgrad, adamax, nadam, radam, adabelief, yogi, adan, ademamix, schedule_free_adamw, prodigy),
        *(signsgd, signum, lion, rprop),
        *(lamb, lars, novograd),
        *(adafactor, muon, shampoo, soap),
        *(lbfgs, sophia),
        *SOLVERS,
    ]


@hookimpl
def optibench_wrappers() -> list[Wrapper]:
    return [sam, lookahead]
