"""Limiting cases: at these settings one rule equals another, as it declares by ``contains`` or as listed below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from optibench.plugin.choice import label
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.registry import Registry
from optibench.plugin.types import Array
from optibench.verify.follow import deviation, follow
from optibench.verify.parity import BUILT_IN, read

STEPS = 30
Configured = tuple[str, Mapping[str, float]]
GD: Configured = ("gd", {"lr": 0.005})
SIGN = ("signsgd", {"lr": 0.05})
ADAM = ("adam", {"lr": 0.05})
PLAIN = {"beta1": 0, "beta2": 0, "eps": 0}
#: left, its settings, right with its, how far apart they may be: 0 where the arithmetic is the same.
IDENTITIES: tuple[tuple[str, Mapping[str, float], Configured, float], ...] = (
    ("asgd", {"lr": 0.005, "lambd": 0}, GD, 0),
    ("polyak", {"lr": 1e-6}, ("gd", {"lr": 1e-6}), 0),  # the bound holds at every step
    ("adam", {"lr": 0.05, **PLAIN}, SIGN, 1e-12),
    ("rmsprop", {"lr": 0.05, "rho": 0, "eps": 0}, SIGN, 1e-12),
    ("adamax", {"lr": 0.05, **PLAIN}, SIGN, 1e-12),
    ("nadam", {"lr": 0.05, "beta1": 0}, ("adam", {"lr": 0.05, "beta1": 0}), 1e-12),
    ("adan", {"lr": 0.05, "beta1": 0.9, "beta2": 0, "beta3": 0.999}, ADAM, 1e-12),
    ("muon", {"lr": 0.05, "nesterov": False}, ADAM, 1e-12),  # of a vector
    ("sophia", {"lr": 0.05, "gamma": 0, "beta1": 0.9}, ("signum", {"lr": 0.05, "momentum": 0.9}), 0),
    ("sam+gd", {"lr": 0.005, "rho": 0}, GD, 0),
    ("sam+adam", {"lr": 0.05, "rho": 0}, ADAM, 0),
    ("lookahead+gd", {"lr": 0.005, "k": 1, "alpha": 1}, GD, 1e-12),
    ("lookahead+adam", {"lr": 0.05, "k": 1, "alpha": 1}, ADAM, 1e-12),
)


def identities(rule: Optimizer, registry: Registry) -> Iterator[tuple[str, float, float]]:
    """(what equals what, largest deviation of w over 30 steps on quad6, tolerance), where the rule is on the left."""
    problem, x0, _ = read(BUILT_IN / "quad6.json")

    def path(rule: Optimizer, settings: Mapping[str, float]) -> Array:
        walk = follow(rule, problem, x0[None], [settings], STEPS, normal=lambda t: np.ones(len(x0)))
        return np.array([w[0] for w, *_ in walk.states])

    declared = (
        (rule.name, {**settings, "lr": 0.005}, (special, {"lr": 0.005}), 1e-12)
        for special, settings in rule.contains.items()
    )
    for left, settings, (right, others), tolerance in (*declared, *IDENTITIES):
        if left == rule.name:
            apart = deviation(path(rule, settings), path(registry.get("optimizer", right), others)).max()
            yield f"{label(left, settings)} = {label(right, others)}", float(apart), tolerance
