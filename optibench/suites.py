"""Named experiments; the facts are those of an experiment file."""

from __future__ import annotations

from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.suite import Suite

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
        "reference": "momentum",
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
        "tune": "none",
        "seeds": 10,
        "epochs": 100,
        "batch": 128,
        "sampler": "fixed",
        "dtype": "float64",
    },
)


protocol_matters = Suite(
    "protocol-matters",
    "three optimizers that rank in one order at their default rates, and in another when tuned",
    {
        "problems": ["deepobs-quadratic-deep"],
        "optimizers": [{"name": "gd", "batch": 128}, "momentum", "adam"],
        "lr": "1e-4:1:13",
        "seeds": 20,
        "epochs": 100,
        "batch": 128,
        "sampler": "fixed",
        "dtype": "float64",
    },
)

activations = Suite(
    "activations",
    "five activations on three small networks, with Adam tuned for each",
    {
        "compare": "activation",
        "activation": ["sigmoid", "tanh", "relu", "gelu", "softplus"],
        "problems": ["digits-mlp", "wine-mlp", "moons-mlp"],
        "optimizers": ["adam"],
    },
)

batches = Suite(
    "batches",
    "four batch sizes on three problems, with momentum tuned for each",
    {
        "compare": "batch",
        "batch": [8, 32, 128, "full"],
        "problems": ["breast-cancer-logistic", "digits-softmax", "digits-mlp"],
        "optimizers": ["momentum"],
    },
)

schedules = Suite(
    "schedules",
    "four learning-rate schedules on three problems, with momentum tuned for each",
    {
        "compare": "schedule",
        "schedule": ["constant", "linear", "cosine", "warmup_cosine"],
        "problems": ["breast-cancer-logistic", "digits-softmax", "digits-mlp"],
        "optimizers": ["momentum"],
    },
)

initialisations = Suite(
    "initialisations",
    "five initialisations of three networks, with Adam tuned for each",
    {
        "compare": "initialisation",
        "initialisation": ["zeros", "normal", "xavier", "he", "orthogonal"],
        "problems": ["digits-mlp", "digits-mlp-deep", "wine-mlp"],
        "optimizers": ["adam"],
    },
)


@hookimpl
def optibench_suites() -> list[Suite]:
    return [
        classic, smoke, deepobs_quadratic, protocol_matters, activations, batches, schedules, initialisations,
    ]  # fmt: skip
