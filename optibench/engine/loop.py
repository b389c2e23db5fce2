"""Train one cohort: R runs of one optimizer on one problem, side by side and without seeing each other.

Shapes: w and g (R, P); losses (R,); hyperparameters (R, 1), or (1, 1) where all runs have the same. When a run ends,
its row is removed from the arrays; the others continue.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optibench.engine.external import begin
from optibench.engine.instruments import Instruments
from optibench.engine.measure import Measures, part, points
from optibench.engine.probe import Watch
from optibench.engine.records import Cohort, Ending, Outcome, Point, Status
from optibench.engine.state import LARGEST, Training, rows
from optibench.errors import InputError, StoreError, reason
from optibench.plugin.functions import Metric
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array

#: A run has diverged when its batch loss is not finite, or this many times the loss that it started with.
GROWTH = 1e10


class CohortTimeout(BaseException):
    """The time limit of a cohort; no Exception, so that a rule's own ``except`` does not swallow it."""


def train(
    cohort: Cohort,
    problem: Problem,
    rule: Optimizer,
    schedule: Callable[..., float],
    metrics: list[Metric],
    deadline: float = float("inf"),
    on_point: Callable[[Point], None] | None = None,
) -> Outcome:
    """Train a cohort to the end of its budget, or to ``deadline`` on the monotonic clock.

    ``on_point`` sees every recorded point as it is made. Nothing that a rule raises comes out; StoreError does.
    """
    exact, problem = problem, problem.astype(cohort.dtype)
    outcome, measures = Outcome([Ending() for _ in cohort.runs], []), Measures(metrics)
    training: Training | None = None
    with np.errstate(all="ignore"):  # overflow is what divergence looks like
        try:
            training = begin(cohort, problem, rule, schedule)
            watch = Watch(cohort, part(exact).astype("float64"), training)
            _loop(training, watch, outcome, measures, deadline, on_point)
            outcome.seconds_per_step = _time_alone(cohort, problem, rule, schedule)
        except CohortTimeout:
            _end_all(training, outcome, Status.TIMEOUT, "the time limit of its cohort ran out")
        except StoreError:
            raise
        except Exception as error:
            # an InputError names the place by itself
            text = str(error) if isinstance(error, InputError) else reason(error)
            _end_all(training, outcome, Status.FAILED, text)
    _leave_out(outcome, measures)
    return outcome


def _leave_out(outcome: Outcome, measures: Measures) -> None:
    """A metric that failed has no columns, at no point."""
    outcome.unmeasured = measures.failed
    if measures.failed:
        for point in outcome.points:
            point["columns"] = measures.kept(point["columns"])
        for ending in outcome.endings:
            ending.final = measures.kept(ending.final)


def _loop(
    training: Training,
    watch: Watch,
    outcome: Outcome,
    measures: Measures,
    deadline: float,
    on_point: Callable[[Point], None] | None,
) -> None:
    cohort, problem = training.cohort, training.problem
    small = part(problem)

    def record(some: Array | None = None) -> dict[str, Array]:
        some = np.ones(len(training.alive), bool) if some is None else some
        solution = training.solution if some.all() else rows(training.solution, some)
        columns = measures(small, solution)
        counts = {name: count[some] for name, count in training.counts.items()}
        point = Point(step=training.t, runs=training.alive[some], counts=counts, columns=columns)
        if training.w.shape[1] == 2:
            columns["w0"], columns["w1"] = solution.T.copy()
        outcome.points.append(point)
        watch.recorded(training, some, columns["loss"])
        if on_point:
            on_point(point)
        return columns

    first = record()
    recorded, outcome.evaluation_share = points(cohort, problem, small, measures)
    instruments = Instruments(training, watch.problem, recorded, outcome.readings)
    initial = np.abs(first["loss"])
    training.scale = np.where((initial > 0) & np.isfinite(initial), GROWTH * initial, LARGEST)
    while len(training.alive) and training.t < cohort.steps:
        if time.monotonic() > deadline:
            raise CohortTimeout
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            _diverge(training, watch, outcome, ~bounded)
            training.keep(bounded)
            watch.keep(bounded)
            instruments.keep(bounded)
            loss, g = loss[bounded], rows(g, bounded)
            if not len(training.alive):
                break
        training.step(loss, g)
        watch.stepped(training, g)
        instruments.stepped(training, g)
        if training.t in recorded:
            record()
        if cohort.limit is not None:
            spent: Array = np.sum([*training.counts.values()], axis=0) >= cohort.limit
            if spent.any():
                if training.t not in recorded:
                    record(spent)
                _finish(training, watch, outcome, spent, problem, measures)
                training.keep(~spent)
                watch.keep(~spent)
                instruments.keep(~spent)
    if len(training.alive):
        if training.t not in recorded and training.t:
            record()
        _finish(training, watch, outcome, np.ones(len(training.alive), bool), problem, measures)


def _diverge(training: Training, watch: Watch, outcome: Outcome, gone: Array) -> None:
    if not gone.any():
        return
    for row, why in zip(np.flatnonzero(gone).tolist(), watch.diverged(training, gone), strict=True):
        text = f"the loss was not finite, or {GROWTH:g} times that at the start, after step {training.t}"
        _end(training, outcome, row, Status.DIVERGED, text)
        ending = outcome.endings[training.alive[row]]
        ending.diverged_at, ending.why = training.t, why


def _finish(
    training: Training, watch: Watch, outcome: Outcome, done: Array, problem: Problem, measures: Measures
) -> None:
    """The final numbers of the runs in ``done``, on all examples."""
    columns = measures(problem, rows(training.solution, done))
    ended = np.flatnonzero(done)
    finite = np.isfinite(columns["loss"]) & (np.abs(columns["loss"]) <= training.scale[ended])
    lost = np.zeros(len(done), bool)
    lost[ended[~finite]] = True
    _diverge(training, watch, outcome, lost)
    whys = watch.finished(training, done)
    under = finite & _under_floor(columns["loss"], training, ended)
    for index, row in enumerate(ended.tolist()):
        if under[index]:
            loss, minimum = columns["loss"][index], problem.minimum
            text = f"loss {loss:.9g} is below the minimum of '{problem.name}', {minimum:.9g}: one of the two is wrong"
            _end(training, outcome, row, Status.FAILED, text)
        elif finite[index]:
            _end(training, outcome, row, Status.FINISHED, "")
            ending = outcome.endings[training.alive[row]]
            ending.final, ending.why = {name: float(v[index]) for name, v in columns.items()}, whys[index]


def _under_floor(loss: Array, training: Training, ended: Array) -> Array:
    """Whether a loss is below the known minimum by more than rounding."""
    minimum = training.problem.minimum
    if minimum is None:
        return np.zeros(len(loss), bool)
    rounding = 100 * np.finfo(training.w.dtype).eps * training.scale[ended] / GROWTH
    return loss < minimum - np.maximum(rounding, 1e-9 * max(1.0, abs(minimum)))


def _end(training: Training, outcome: Outcome, row: int, status: Status, text: str) -> None:
    ending = outcome.endings[training.alive[row]]
    ending.status, ending.reason, ending.steps = status, text, training.t
    ending.counts = {name: int(count[row]) for name, count in training.counts.items()}


def _end_all(training: Training | None, outcome: Outcome, status: Status, text: str) -> None:
    if training is not None:
        for row in range(len(training.alive)):
            if outcome.endings[training.alive[row]].status is Status.RUNNING:
                _end(training, outcome, row, status, text)
    for ending in outcome.endings:
        if ending.status is Status.RUNNING:
            ending.status, ending.reason = status, text


def _time_alone(cohort: Cohort, problem: Problem, rule: Optimizer, schedule: Callable[..., float]) -> float:
    """Seconds that a step takes in a run of its own: the median of a few after a warm-up; nan if it diverges."""
    training = begin(replace(cohort, runs=cohort.runs[:1]), problem, rule, schedule)
    times, began = [], time.perf_counter()
    for _ in range(min(8, 3 + cohort.steps // 100)):
        before = time.perf_counter()
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            break
        training.step(loss, g)
        times.append(time.perf_counter() - before)
        if rule.solver:  # all its steps are done in the first
            return times[0] / cohort.steps
        if time.perf_counter() - began > 0.02:
            break
    return float(np.median(times[2:] or times)) if times else float("nan")
