"""The records of training: runs, cohorts and how runs ended. Names and numbers only: they travel between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import nan
from typing import Any, TypedDict

from optibench.engine.gradients import Transforms
from optibench.plugin.choice import Choice
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.types import Array, Facts, Option

#: Raised when what a run means or stores changes: stores of another format are refused, not mixed.
FORMAT = 3


Settings = Mapping[str, float]


class Status(StrEnum):
    """How a run ended, as stores spell it."""

    RUNNING = "running"  # only while it trains
    FINISHED = "finished"
    DIVERGED = "diverged"
    FAILED = "failed"  # an error in a plugin: trained again, it would fail again
    CRASHED = "crashed"  # its process ended
    TIMEOUT = "timeout"


#: Causes outside the run, so it is trained again: after a crash always, after a timeout under a longer limit.
RETRIED = (Status.CRASHED, Status.TIMEOUT)


@dataclass(frozen=True)
class Run:
    """One training: the numbers that are its own in its cohort."""

    id: str
    seed: int
    hyperparameters: Settings
    instrumented: bool = False  # whether instruments record along it; its id says so too


@dataclass(frozen=True)
class Cohort:
    """Runs trained together: names and numbers only, so that it can go to another process."""

    problem: Choice
    optimizer: str
    label: str  # the optimizer with the settings that were chosen for it
    options: Mapping[str, Option]
    runs: tuple[Run, ...]
    budget: tuple[str, int]
    batch: int  # examples a step; 0 without data
    sampler: str
    dtype: str
    schedule: Choice
    transforms: Transforms
    fingerprint: str
    steps: int  # at most
    limit: int | None = None  # evaluations at most, of gradient, loss or Hessian product, where steps do not bound them
    observed: bool = True  # with curves and a diagnosis; else only the start and the end are measured

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
    fields = {"options": dict(rule.options), "schedule": ("constant", {}), "transforms": Transforms(), **facts}
    return Cohort(
        problem=("fun", {}),
        optimizer=rule.name,
        label=rule.name,
        runs=tuple(Run("", seed, settings) for seed, settings in enumerate(numbers)),
        budget=("steps", steps),
        batch=0,
        sampler="full",
        dtype=dtype,
        fingerprint="",
        steps=steps,
        **fields,
    )


@dataclass
class Ending:
    """How one run ended, and what it cost."""

    status: Status = Status.RUNNING
    reason: str = ""
    diverged_at: int | None = None
    steps: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    why: Facts = field(default_factory=dict)  # what diagnosis found


class Point(TypedDict):
    """What was recorded after a step, for the runs that were still going, by their row in the cohort."""

    step: int
    runs: Array
    counts: dict[str, Array]
    columns: dict[str, Array]


@dataclass
class Readings:
    """What instruments recorded, of the instrumented runs: points without counts."""

    points: list[Point] = field(default_factory=list)
    share: float = 0.0  # of the cost of a run that uses its budget, as ``Outcome.evaluation_share`` is
    failed: dict[str, str] = field(default_factory=dict)  # instruments that failed, and why


@dataclass
class Outcome:
    """What a cohort gives: an ending a run, and the recorded points."""

    endings: list[Ending]
    points: list[Point]
    evaluation_share: float = 0.0
    seconds_per_step: float = float("nan")
    unmeasured: dict[str, str] = field(default_factory=dict)  # metrics that failed, and why
    readings: Readings = field(default_factory=Readings)


#: What a run spends, one count each.
COUNTS = ("gradient_evaluations", "value_evaluations", "hessian_products")


@dataclass(frozen=True)
class Known:
    """What tuning sees of a run: how it ended, its final score, and the loss at the end of its curve."""

    status: Status
    score: float  # the validation loss, or the loss where nothing is held out
    end: float


LOST = Known(Status.CRASHED, nan, nan)
