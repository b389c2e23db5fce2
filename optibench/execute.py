"""Run an experiment: plan it, train what the store does not have, say how it goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optibench.pieces import InputError, Problem, label
from optibench.plan import Cohort, Experiment, plan, remaining
from optibench.registry import Registry, reason
from optibench.store import Store
from optibench.work import Task, built

#: An experiment of built-ins with fewer steps than this is done before a pool of processes has started.
SMALL = 30_000


@dataclass(frozen=True)
class Progress:
    """How far an experiment is, after each cohort: counts of runs by status; ``now`` is what ended last."""

    runs: int
    total: int
    kept: int
    statuses: Counter[str]
    work: float  # the share of the steps that are done
    now: str


def execute(
    what: Experiment,
    registry: Registry,
    folder: Path | str,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    executor: str | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_warning: Callable[[str], None] = lambda line: None,
) -> None:
    """Fill the store in ``folder`` with the runs of an experiment; what it has is not repeated."""
    store = Store(folder).open()
    done, left_out = store.done(timeout)
    for line in left_out:
        on_warning(line)
    every = plan(what, registry)
    for line in _overruled(what, every, registry):
        on_warning(line)
    cohorts = remaining(every, done)
    store.write_experiment(what, (run.id for cohort in every for run in cohort.runs))
    for choice in what.problems:
        _surface(store, built(registry, choice))
    total = sum(len(cohort.runs) for cohort in every)
    kept = total - sum(len(cohort.runs) for cohort in cohorts)
    workers = workers or cores()
    local = registry.is_local
    cost = [_work(cohort) for cohort in cohorts]
    cohorts = [cohorts[place] for place in np.argsort(cost, kind="stable")[::-1]]  # the longest first: no long tail
    if executor is None:
        trusted = all(registry.is_builtin("optimizer", cohort.optimizer) for cohort in cohorts)
        trusted = trusted and all(registry.is_builtin("problem", cohort.problem[0]) for cohort in cohorts)
        small = sum(cohort.steps for cohort in cohorts) < SMALL and trusted
        executor = "inline" if local or small or (workers == 1 and trusted) else "processes"
    if local and executor != "inline":
        raise InputError(f"executor '{executor}': pieces that are not registered run in this process; use 'inline'")
    task = Task(store.folder, registry.sources, timeout, registry if executor == "inline" else None)
    statuses: Counter[str] = Counter()
    finished, spent, whole = kept, 0.0, sum(cost) or 1.0
    on_progress(Progress(finished, total, kept, statuses, 0.0, ""))
    for cohort, error in registry.get("executor", executor)(task, cohorts, workers, timeout):
        if error is not None:
            _save_lost(task, cohort, registry, error)
        finished += len(cohort.runs)
        spent += _work(cohort)
        statuses.update(store.ending(cohort))
        now = f"{label(*cohort.problem)} · {cohort.label}"
        on_progress(Progress(finished, total, kept, Counter(statuses), spent / whole, now))


def _overruled(what: Experiment, cohorts: list[Cohort], registry: Registry) -> list[str]:
    """A batch of all examples leaves a sampler that was asked for nothing to choose."""
    chosen = [cohort for cohort in cohorts if registry.get("optimizer", cohort.optimizer).batch is None]
    whole = sorted({label(*cohort.problem) for cohort in chosen if cohort.batch and cohort.sampler == "full"})
    if what.sampler in ("full", "reshuffle") or not whole:
        return []
    return [f"sampler {what.sampler} does nothing where a batch is all examples: on {', '.join(whole)}"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(cohort: Cohort) -> float:
    """A rough measure of a cohort's time: steps x (the step's overhead + its examples)."""
    return cohort.steps * (1 + len(cohort.runs) * max(cohort.batch, 1) / 500)


def _save_lost(task: Task, cohort: Cohort, registry: Registry, error: BaseException) -> None:
    code = getattr(error, "exitcode", None)
    if isinstance(error, OSError) and not isinstance(error, TimeoutError) and code is None:
        raise InputError(
            f"cannot write to '{task.folder}': {error.strerror or error}; make room or choose another --out; "
            "what was finished is kept"
        ) from error
    if type(error).__name__ == "BrokenProcessPool":
        raise InputError(
            'worker processes cannot start; call optibench.run from under `if __name__ == "__main__":`, or with '
            "workers=1; what was finished is kept"
        ) from error
    task.lost(cohort, registry, reason(error) if code is None else f"its process died with exit code {code}")


def _surface(store: Store, problem: Problem, cells: int = 81) -> None:
    """Lay a grid over a 2-D problem that declares what a picture of it shows."""
    if not problem.domain or problem.train:
        return
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(*limits, cells) for limits in problem.domain)))
    points: Any = np.column_stack([x, y])
    store.write_surface(problem.name, x, y, problem.value_grad(points)[0])
