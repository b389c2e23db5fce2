"""Named experiments; the facts are those of an experiment file."""

from __future__ import annotations

from optibench.hookspecs import hookimpl
from optibench.pieces import Suite

classic = Suite(
    "classic",
    "the classical optimizers on eight problems, from a quadratic to a small network",
    {
        "problems": [
            "quadratic",
            "rosenbrock",
            "diabetes-linear",
            "breast-cancer-logistic",
            "breast-cancer-perceptron",
            "digits-softmax",
            "digits-mlp",
            "xor-mlp",
        ],
        "optimizers": ["gd", "sgd", "minibatch", "momentum", "nesterov", "rmsprop", "adam", "adamw"],
        "lr": "1e-5:10:9",
        "seeds": 10,
    },
)

smoke = Suite(
    "smoke",
    "three optimizers on three problems in seconds: the regression baseline",
    {
        "problems": ["quadratic", "rosenbrock", "breast-cancer-logistic"],
        "optimizers": ["gd", "momentum", "adam"],
        "lr": "1e-4:1:5",
        "seeds": 3,
        "epochs": 50,
        "dtype": "float64",
    },
)


@hookimpl
def optibench_suites() -> list[Suite]:
    return [classic, smoke]
