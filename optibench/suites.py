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


deepobs_quadratic = Suite(
    "deepobs-quadratic",
    "DeepOBS's baselines on quadratic_deep: gd and momentum at 36 rates, batch 128 in one fixed order",
    {
        "problems": ["deepobs-quadratic-deep"],
        "optimizers": [{"name": "momentum", "momentum": [0.0, 0.99]}],
        "lr": "1e-5:100:36",
        "seeds": 10,
        "epochs": 100,
        "batch": 128,
        "sampler": "fixed",
        "dtype": "float64",
    },
)


@hookimpl
def optibench_suites() -> list[Suite]:
    return [classic, smoke, deepobs_quadratic]
