"""An experiment becomes a plan: cells, one method on one problem each; runs with ids; cohorts."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import ceil, isfinite

import numpy as np

from optibench.engine.capacity import capacity
from optibench.engine.records import Cohort, Run, Settings
from optibench.errors import InputError, SettingError
from optibench.experiment.identity import prefix
from optibench.experiment.settings import BUDGETS, FACTORS, TUNING, Experiment
from optibench.plugin.choice import Choice, label
from optibench.plugin.functions import Schedule
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry

#: Instruments record along the compared runs of so many replicates.
INSTRUMENTED = 3


@dataclass(frozen=True)
class Cell:
    """One method on one problem: what its runs share. A comparison knows it by its two labels."""

    problem_label: str
    method: str  # the optimizer, or the level of the factor that is compared
    rule: Optimizer
    fixed: Mapping[str, object]  # the settings of the rule that the experiment fixes
    cohort: Cohort  # without runs
    prefix: str  # of the facts that make a run what it is
    size: int  # runs a cohort
    instruments: bool = False  # whether instruments record along the first compared runs

    @property
    def defaults(self) -> Settings:
        """Every hyperparameter as declared, or as the experiment fixes it."""
        values: Mapping[str, object] = {**self.rule.hyperparameters, **self.fixed}
        # Checked to be numbers when the experiment was resolved; options, which need not be, are left out here.
        return {name: float(values[name]) for name in self.rule.hyperparameters}  # type: ignore[arg-type]  # checked

    def run(self, settings: Settings, seed: int, *, compared: int | None = None) -> Run:
        """``compared``: of a run that is compared, the number of its replicate from 0; the first are instrumented."""
        instrumented = self.instruments and compared is not None and compared < INSTRUMENTED
        digest = self._hash.copy()
        # Only where there are instruments: with them or without, every other run is the same, and is not repeated.
        digest.update(f" {seed} {sorted(settings.items())}{' instruments' * instrumented}".encode())
        return Run(digest.hexdigest()[:20], seed, settings, instrumented)

    @cached_property
    def _hash(self) -> hashlib._Hash:
        return hashlib.sha256(self.prefix.encode())

    def cohorts(self, runs: Iterable[Run]) -> list[Cohort]:
        """Cohorts of these runs, all for tuning or all for evaluation; one that is named twice is trained once."""
        unique = tuple({run.id: run for run in runs}.values())
        cohort = replace(self.cohort, observed=all(run.seed < TUNING for run in unique))
        count = ceil(len(unique) / self.size) or 1
        each = ceil(len(unique) / count) or 1  # alike: a small last cohort would take nearly the time of a full one
        return [replace(cohort, runs=unique[begin : begin + each]) for begin in range(0, len(unique), each)]


def cells(experiment: Experiment, registry: Registry) -> list[Cell]:
    """The cells of an experiment, every problem built once."""
    return [
        _cell(experiment, problem, optimizer, batch, schedule, registry)
        for problem, optimizer, batch, schedule in product(
            experiment.problems, experiment.optimizers, experiment.batch, experiment.schedule
        )
    ]


def remaining(cohorts: list[Cohort], done: Container[str]) -> list[Cohort]:
    """Cohorts minus the runs that are done."""
    left = [replace(cohort, runs=tuple(run for run in cohort.runs if run.id not in done)) for cohort in cohorts]
    return [cohort for cohort in left if cohort.runs]


def _cell(
    experiment: Experiment,
    problem_choice: Choice,
    optimizer: Choice,
    batch_level: int | str,
    schedule: Choice,
    registry: Registry,
) -> Cell:
    problem = registry.problem(problem_choice)
    name, fixed = optimizer
    rule: Optimizer = registry.get("optimizer", name)
    wanted = batch_level if rule.batch is None else fixed.get("batch", rule.batch)
    batch = problem.examples if wanted == "full" else min(int(wanted), problem.examples)
    budget = _budget(experiment, problem)
    steps, limit = _steps(*budget, problem.examples // batch if batch else 1, rule)
    cohort = Cohort(
        problem=problem_choice,
        optimizer=rule.name,
        label=label(rule.name, fixed),
        options={key: fixed.get(key, default) for key, default in rule.options.items()},
        runs=(),
        budget=budget,
        batch=batch,
        sampler="full" if batch == problem.examples else experiment.sampler,
        dtype=experiment.dtype,
        schedule=schedule,
        transforms=experiment.transforms,
        fingerprint=problem.fingerprint,
        steps=steps,
        limit=limit,
    )
    _try_schedule(cohort, registry)
    problem_label, method = _labels(experiment, cohort, wanted)
    size = capacity(problem, rule, cohort.batch, np.dtype(experiment.dtype).itemsize)
    instruments = experiment.instruments and len(problem.blocks) > 1
    return Cell(problem_label, method, rule, fixed, cohort, prefix(cohort, problem, rule, registry), size, instruments)


def _labels(experiment: Experiment, cohort: Cohort, batch: int | str) -> tuple[str, str]:
    """What comparisons call problem and method: a factor that is compared leaves the first for the second."""
    name, parameters = cohort.problem
    parameter = FACTORS[experiment.compare]
    levels = {"optimizer": cohort.label, "batch": str(batch), "schedule": label(*cohort.schedule)}
    method = str(parameters[parameter]) if parameter else levels[experiment.compare]
    problem_label = label(name, {key: value for key, value in parameters.items() if key != parameter})
    if experiment.compare == "optimizer" or len(experiment.optimizers) == 1:
        return problem_label, method
    return f"{problem_label} · {cohort.label}", method


def _budget(experiment: Experiment, problem: Problem) -> tuple[str, int]:
    """The budget of the experiment, or the problem's own epochs."""
    for kind in BUDGETS:
        amount: int | None = getattr(experiment, kind)
        if amount is not None:
            return kind, amount
    return "epochs", problem.epochs


def _steps(kind: str, amount: int, batches: int, rule: Optimizer) -> tuple[int, int | None]:
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
    schedule: Schedule = registry.get("schedule", cohort.schedule[0])
    try:
        schedule(1, cohort.steps, **cohort.schedule[1])
    except InputError as error:
        raise SettingError(f"schedule '{schedule.name}' on {label(*cohort.problem)}: {error}") from None
    except Exception:  # a bug in a plugin costs its runs only, and they say it
        pass
