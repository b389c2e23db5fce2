"""An experiment becomes a plan: cells, one contender on one problem each; runs with ids; cohorts."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from optibench.experiment import BUDGETS, FACTORS, Choice, Experiment
from optibench.pieces import Activation, InputError, Loss, Optimizer, Problem, ProblemFactory, label
from optibench.registry import Registry, reason
from optibench.transforms import Transforms, transforms

#: Raised when what a run means or stores changes: stores of another format are refused, not mixed.
FORMAT = 2
Settings = Mapping[str, float]


@dataclass(frozen=True)
class Run:
    """One training: the numbers that tell it from the others of its cohort."""

    id: str
    seed: int
    hyperparameters: Settings


@dataclass(frozen=True)
class Cohort:
    """Runs trained together: names and numbers only, so that it can go to another process."""

    problem: Choice
    optimizer: str
    label: str  # the optimizer with the settings that were chosen for it
    options: Mapping[str, Any]
    runs: tuple[Run, ...]
    budget: tuple[str, int]
    batch: int  # examples a step; 0 without data
    sampler: str
    dtype: str
    schedule: Choice
    transforms: Transforms
    fingerprint: str
    steps: int  # at most
    limit: int | None = None  # evaluations at most, of gradient, loss or Hessian product, where steps do not say

    @property
    def key(self) -> str:
        """The name of its file: a hash of its runs' ids."""
        return hashlib.sha256(" ".join(run.id for run in self.runs).encode()).hexdigest()[:16]


def alone(
    rule: Optimizer, runs: Sequence[Mapping[str, float]], steps: int, dtype: str = "float64", **facts: Any
) -> Cohort:
    """Runs of one optimizer by their hyperparameters, outside any experiment; ``facts`` are fields of Cohort."""
    numbers = [
        {**rule.hyperparameters, **{key: run[key] for key in run if key in rule.hyperparameters}} for run in runs
    ]
    given = {"options": dict(rule.options), "schedule": ("constant", {}), "transforms": Transforms(), **facts}
    return Cohort(
        problem=("fun", {}),
        optimizer=rule.name,
        label=rule.name,
        runs=tuple(Run("", seed, one) for seed, one in enumerate(numbers)),
        budget=("steps", steps),
        batch=0,
        sampler="full",
        dtype=dtype,
        fingerprint="",
        steps=steps,
        **given,
    )


def build(registry: Registry, choice: Choice) -> Problem:
    """The problem of this name and these parameters; activations and losses are named."""
    name, parameters = choice
    factory: ProblemFactory = registry.get("problem", name)
    pieces = _pieces(registry, factory, parameters)
    try:
        return factory(**pieces)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"problem '{label(name, parameters)}' cannot be built: {reason(error)}") from error


def built(registry: Registry, choice: Choice) -> Problem:
    """The problem, built once a registry."""
    key = label(*choice)
    if key not in registry.built:
        registry.built[key] = build(registry, choice)
    return registry.built[key]


def _pieces(registry: Registry, factory: ProblemFactory, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A problem's parameters, with the piece itself where an activation or a loss is named."""
    return {
        key: registry.get(type(factory.parameters[key]).__name__.lower(), value)
        if isinstance(factory.parameters[key], Activation | Loss) and isinstance(value, str)
        else value
        for key, value in parameters.items()
    }


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
        problem = built(registry, choice)
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
        raise InputError(f"schedule '{schedule.name}' on {label(*cohort.problem)}: {error}") from None
    except Exception:  # a bug in a plugin costs its runs only, and they say it
        pass


def _prefix(cohort: Cohort, problem: Problem, rule: Optimizer, registry: Registry) -> str:
    """What the id of every run of a cell hashes besides seed and hyperparameters, the plugins' sources included."""
    factory: ProblemFactory = registry.get("problem", cohort.problem[0])
    pieces = {**factory.parameters, **_pieces(registry, factory, cohort.problem[1])}
    named = [piece for _, piece in sorted(pieces.items()) if isinstance(piece, Activation | Loss)]
    schedule = registry.get("schedule", cohort.schedule[0])
    written = [piece.function for piece in (rule, factory, schedule, *named)] + [*rule.wraps, problem.value_grad]
    shared = {
        **{key: value for key, value in asdict(cohort).items() if key not in ("runs", "label")},
        "format": FORMAT,
        "sources": [source(function) for function in written],
    }
    return json.dumps(shared, sort_keys=True, default=lambda piece: getattr(piece, "name", str(piece)))


def source(function: Any) -> str:
    """A hash of the file that a function was written in, or of its code where there is no file."""
    try:
        path = Path(inspect.getfile(function))
        return _digest(path, path.stat().st_mtime_ns)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = repr(function) if code is None else f"{code.co_code!r} {code.co_consts!r} {code.co_names!r}"
        return hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", text).encode()).hexdigest()[:16]


@lru_cache
def _digest(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def capacity(problem: Problem, rule: Optimizer, batch: int, itemsize: int) -> int:
    """How many runs to train together, 8 to 4096: as many as keep what an operation sees within the core's L2 cache.

    Fewer where 8 would not keep theirs within MEMORY.
    """
    parameters = problem.size * (6 + len(rule.state))  # w, g, the new w, three temporaries, the state
    run = itemsize * (parameters + max(batch, 1) * problem.width)
    return max(1, min(int(np.clip(L2_SHARE * l2_bytes() // run, 8, 4096)), MEMORY // run))


#: What a step's arrays fill together, in L2 caches: an operation sees a few of them.
L2_SHARE = 4
#: Bytes that the arrays of a cohort's step may take.
MEMORY = 2**28


@lru_cache
def l2_bytes() -> int:
    """The size of one core's L2 cache; 1 MiB where the system does not tell."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.rstrip("KM")) * {"K": 1024, "M": 1024**2}.get(text[-1], 1)
    except (OSError, ValueError):
        return 1024**2
