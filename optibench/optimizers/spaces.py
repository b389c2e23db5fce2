"""Search spaces that rules share: hyperparameter -> (low, high, scale). "1 - log": 1 - value is log-uniform."""

from __future__ import annotations

LR = {"lr": (1e-5, 1e1, "log")}
#: Rules whose step is about lr in every coordinate, whatever the gradient's length.
UNIT_LR = {"lr": (1e-5, 1.0, "log")}
MOMENTUM = {"momentum": (0.5, 0.999, "1 - log")}
BETAS = {"beta1": (0.5, 0.99, "1 - log"), "beta2": (0.9, 0.9999, "1 - log")}
DECAY = {"weight_decay": (1e-5, 1.0, "log")}
EPS = {"eps": (1e-10, 1e-1, "log")}
ADAM = {**UNIT_LR, **BETAS, **EPS}
