"""What makes a run the run that it is: its facts, its problem's data, and all the code that its numbers come from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from optibench.engine.loop import train
from optibench.engine.records import FORMAT, Cohort
from optibench.experiment.sources import digest
from optibench.plugin.functions import Activation, Loss
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry
from optibench.plugin.types import AnyFunction


def prefix(cohort: Cohort, problem: Problem, rule: Optimizer, registry: Registry) -> str:
    """What the id of every run of a cell hashes besides seed and hyperparameters, as text."""
    facts = {
        # Whether a run is observed follows from its seed, which its id has.
        **{key: value for key, value in asdict(cohort).items() if key not in ("runs", "label", "observed")},
        "format": FORMAT,
        "code": digest(functions(cohort, problem, rule, registry)),
        "metrics": digest(metric.function for metric in registry["metric"].values()),
    }
    return json.dumps(facts, sort_keys=True, default=lambda piece: getattr(piece, "name", str(piece)))


def functions(cohort: Cohort, problem: Problem, rule: Optimizer, registry: Registry) -> Iterator[AnyFunction]:
    """Those that the numbers of a cohort come from: the training loop and every plugin's own."""
    factory = registry.get("problem", cohort.problem[0])
    parameters = {**factory.parameters, **registry.parameters(cohort.problem)}
    pieces = [piece for piece in parameters.values() if isinstance(piece, Activation | Loss)]
    yield train
    for piece in (rule, factory, registry.get("schedule", cohort.schedule[0]), *pieces):
        yield piece.function
    yield from rule.wraps
    yield from (
        value for value in (*vars(problem).values(), *vars(rule).values(), *rule.state.values()) if callable(value)
    )
