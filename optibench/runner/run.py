"""Run an experiment: plan it, train the runs that the store does not have, report progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from optibench.engine.records import Cohort
from optibench.errors import SettingError, StoreError, WorkerDied, reason
from optibench.experiment.plan import Cell, cells, remaining
from optibench.experiment.protocol import Protocol
from optibench.experiment.settings import Experiment
from optibench.plugin.choice import label
from optibench.plugin.problem import Problem
from optibench.plugin.registry import Registry
from optibench.runner.progress import Count, Progress, work
from optibench.runner.store import Store, to_toml
from optibench.runner.worker import Task

#: An experiment of built-ins with less work than this, in steps of small cohorts, is done before a pool has started.
SMALL = 30_000


def execute(
    experiment: Experiment,
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
    described = to_toml(experiment.facts())  # first: what no file can hold is refused before anything is written
    store = Store(folder).open()
    known, left_out = store.done(timeout)
    for line in left_out:
        on_warning(line)
    plan = cells(experiment, registry)
    for line in _overruled(experiment, plan):
        on_warning(line)
    problems = [registry.problem(cell.cohort.problem) for cell in plan]
    protocol = Protocol(experiment, plan, problems, known)
    store.write_experiment(described)
    for choice in {label(*cell.cohort.problem): cell.cohort.problem for cell in plan}.values():
        _surface(store, label(*choice), registry.problem(choice))
    workers = workers or cores()
    executor = _executor(plan, registry, workers, protocol.expected, executor)
    task = Task(store.folder, registry.sources, timeout, registry if executor == "inline" else None)
    count = Count(protocol.expected)

    def stages() -> Iterator[list[Cohort]]:
        for stage, cohorts in protocol.stages():
            store.write_protocol(protocol.facts(), protocol.ids)
            left = remaining(cohorts, known)
            count.begin(stage, cohorts, left)
            on_progress(count.progress())
            yield sorted(left, key=work, reverse=True)  # the longest first: no long tail

    for cohort, error in registry.get("executor", executor)(task, stages(), workers, timeout):
        if isinstance(error, StoreError):
            raise error
        if error is not None:
            task.lost(cohort, registry, str(error) if isinstance(error, WorkerDied) else reason(error))
        ended = store.ended(cohort)
        known.update(ended)
        count.end(cohort, [run.status for run in ended.values()])
        on_progress(count.progress())
    if count.expected != count.planned:
        count.expected = count.planned
        on_progress(count.progress())
    for line in protocol.boundaries():
        on_warning(line)


def _executor(cells: list[Cell], registry: Registry, workers: int, runs: float, asked: str | None) -> str:
    """Where to train: small experiments of built-ins in this process, and plugins that only this process has."""
    if asked is None:
        trusted = all(registry.is_builtin("optimizer", cell.rule.name) for cell in cells)
        trusted = trusted and all(registry.is_builtin("problem", cell.cohort.problem[0]) for cell in cells)
        each = runs / len(cells)
        steps = sum(cell.cohort.steps * (max(each / cell.size, 1) + each * cell.cohort.batch / 500) for cell in cells)
        small = steps < SMALL and trusted
        asked = "inline" if registry.is_local or small or (workers == 1 and trusted) else "processes"
    if registry.is_local and asked != "inline":
        raise SettingError(
            f"executor '{asked}': plugins that are not registered run in this process only; use 'inline'", "executor"
        )
    return asked


def _overruled(experiment: Experiment, cells: list[Cell]) -> list[str]:
    """Warn of a sampler that has no effect because every batch is the whole data set."""
    chosen = [cell.cohort for cell in cells if cell.rule.batch is None]
    whole = sorted({label(*cohort.problem) for cohort in chosen if cohort.batch and cohort.sampler == "full"})
    if experiment.sampler in ("full", "reshuffle") or not whole:
        return []
    return [f"sampler {experiment.sampler} does nothing where a batch is all examples: on {', '.join(whole)}"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _surface(store: Store, name: str, problem: Problem, cells: int = 81) -> None:
    """Lay a grid over a 2-D problem that declares what a picture of it shows."""
    if not problem.domain or problem.train:
        return
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(*limits, cells) for limits in problem.domain)))
    store.write_surface(name, x, y, problem.value_grad(np.column_stack([x, y]))[0])
