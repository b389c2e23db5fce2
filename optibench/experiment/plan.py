"""An experiment becomes a plan: cells, one contender on one problem each; runs with ids; cohorts."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import isfinite
from typing import Any

import numpy as np

from optibench.engine.capacity import capacity
from optibench.engine.gradients import transforms
from optibench.engine.records import Cohort, Run, Settings
from optibench.errors import InputError, SettingError
from optibench.experiment.identity import _prefix
from optibench.experiment.settings import BUDGETS, FACTORS, Experiment
from optibench.plugin.choice import Choice, label
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry


@dataclass(frozen=True)
class Cell:
    """One contender on one problem: what its runs share. ``place`` and ``name`` are what comparisons call them."""

    place: str
    name: str
    rule: Optimizer
    chosen: Mapping[str, Any]  # the settings of the rule that the experiment fixes
    cohort: Cohort  # without runs
    prefix: str  # of the facts that make a run what it is
    size: int  # runs a cohort

    @property
    def defaults(self) -> Settings:
        """Every hyperparameter as declared, or as the experiment fixes it."""
        return {key: float(self.chosen.get(key, value)) for key, value in self.rule.hyperparameters.items()}

    def run(self, settings: Settings, seed: int) -> Run:
        facts = f"{self.prefix} {seed} {sorted(settings.items())}"
        return Run(hashlib.sha256(facts.encode()).hexdigest()[:20], seed, settings)

    def cohorts(self, trials: Iterable[Settings], seeds: Iterable[int]) -> list[Cohort]:
        """The runs of these settings at these seeds."""
        runs = tuple(self.run(settings, seed) for seed, settings in product(seeds, trials))
        return [replace(self.cohort, runs=runs[begin : begin + self.size]) for begin in range(0, len(runs), self.size)]


def cells(what: Experiment, registry: Registry) -> list[Cell]:
    """The cells of an experiment, every problem built once."""
    made = []
    for choice in what.problems:
        problem = registry.problem(choice)
        for optimizer, batch, schedule in product(what.optimizers, what.batch, what.schedule):
            made.append(_cell(what, choice, problem, optimizer, batch, schedule, registry))
    return made


def remaining(cohorts: list[Cohort], done: Container[str]) -> list[Cohort]:
    """Cohorts minus the runs that are done."""
    left = [replace(cohort, runs=tuple(run for run in cohort.runs if run.id not in done)) for cohort in cohorts]
    return [cohort for cohort in left if cohort.runs]


def _cell(
    what: Experiment,
    choice: Choice,
    problem: Problem,
    optimizer: Choice,
    wanted: int | str,
    schedule: Choice,
    registry: Registry,
) -> Cell:
    name, extra = optimizer
    rule: Optimizer = registry.get("optimizer", name)
    wanted = wanted if rule.batch is None else extra.get("batch", rule.batch)
    batch = problem.examples if wanted == "full" else min(int(wanted), problem.examples)
    kind = next((key for key in BUDGETS if getattr(what, key) is not None), "epochs")
    amount = getattr(what, kind) or problem.epochs
    steps, limit = _budget(kind, amount, problem.examples // batch if batch else 1, rule)
    cohort = Cohort(
        problem=choice,
        optimizer=rule.name,
        label=label(rule.name, extra),
        options={key: extra.get(key, default) for key, default in rule.options.items()},
        runs=(),
        budget=(kind, amount),
        batch=batch,
        sampler="full" if batch == problem.examples else what.sampler,
        dtype=what.dtype,
        schedule=schedule,
        transforms=transforms(what),
        fingerprint=problem.fingerprint,
        steps=steps,
        limit=limit,
    )
    _try_schedule(cohort, registry)
    levels = {"optimizer": cohort.label, "batch": str(wanted), "schedule": label(*schedule)}
    factor = FACTORS[what.compare]
    place = label(choice[0], {key: value for key, value in choice[1].items() if key != factor})
    return Cell(
        place if what.compare == "optimizer" or len(what.optimizers) == 1 else f"{place} · {cohort.label}",
        str(choice[1][factor]) if factor else levels[what.compare],
        rule,
        extra,
        cohort,
        _prefix(cohort, problem, rule, registry),
        capacity(problem, rule, cohort.batch, np.dtype(what.dtype).itemsize),
    )


def _budget(kind: str, amount: int, batches: int, rule: Optimizer) -> tuple[int, int | None]:
    """Steps and evaluations at most. An epoch is one evaluation a batch: a rule that needs two takes half the steps."""
    if kind == "steps":
        return amount, None
    limit = amount * batches if kind == "epochs" else amount
    if not rule.solver and not {"grad", "value", "hessian_product"} & {*rule.arguments}:
        return limit, None  # one gradient a step
    evaluations = rule.evaluations if isfinite(rule.evaluations) else 1
    return max(1, int(limit / max(evaluations, 1))), limit


def _try_schedule(cohort: Cohort, registry: Registry) -> None:
    """Refuse settings of a schedule that make no sense here, before anything runs."""
    schedule = registry.get("schedule", cohort.schedule[0])
    try:
        schedule(1, cohort.steps, **cohort.schedule[1])
    except InputError as error:
        raise SettingError(f"schedule '{schedule.name}' on {label(*cohort.problem)}: {error}") from None
    except Exception:  # a bug in a plugin costs its runs only, and they say it
        pass
