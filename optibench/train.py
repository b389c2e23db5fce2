"""Train one cohort: R runs of one optimizer on one problem, side by side and without seeing each other.

Shapes: w and g (R, P); losses (R,); hyperparameters (R, 1), or (1, 1) where all runs have the same. A run that ends
leaves the arrays; the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optibench import recording
from optibench.pieces import Array, InputError, Metric, Optimizer, Problem
from optibench.plan import Cohort
from optibench.registry import reason
from optibench.samplers import SAMPLERS

#: A run has diverged when its batch loss is not finite, or this many times the loss that it started with.
GROWTH = 1e10
LARGEST = np.finfo(float).max
#: The separate random streams of a seed.
STREAMS = {"start": 0, "order": 1, "noise": 2, "tuning": 3}
COUNTS = ("gradient_evaluations", "value_evaluations", "hessian_products")


class CohortTimeout(BaseException):
    """The time limit of a cohort; no Exception, so that a rule's own ``except`` does not swallow it."""


class RuleError(Exception):
    """A rule broke the contract."""


def stream(seed: int, name: str) -> np.random.Generator:
    """One of a seed's random streams: the same for every optimizer, so that comparisons are paired."""
    return np.random.default_rng(np.random.SeedSequence([seed, STREAMS[name]]))


@dataclass
class Ending:
    """How one run ended, and what it cost."""

    status: str = "running"
    reason: str = ""
    diverged_at: int | None = None
    steps: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)


@dataclass
class Outcome:
    """What a cohort gives: an ending a run, and the recorded points, each for the runs that were still going."""

    endings: list[Ending]
    points: list[dict[str, Any]]
    evaluation_share: float = 0.0
    seconds_per_step: float = float("nan")


class Batches:
    """The batches of every run: rows of the training arrays, (R, B, ...), or (1, B, ...) where all runs share them."""

    def __init__(self, problem: Problem, cohort: Cohort, seeds: list[int]) -> None:
        self.arrays, self.batch, self.n = problem.train, cohort.batch, problem.examples
        unique, self.rows = np.unique(seeds, return_inverse=True)
        self.shared = len(unique) == 1
        streams = [stream(int(seed), "order") for seed in unique] if self.arrays else []
        self.epochs = [SAMPLERS[cohort.sampler](rng, self.n) for rng in streams]
        self.at, self.order = self.n, np.empty((0, 0), int)
        self.whole = tuple(array[None] for array in self.arrays) if cohort.sampler == "full" else None

    def next(self) -> tuple[Array, ...]:
        if self.whole is not None:
            return self.whole
        if self.at + self.batch > self.n:
            self.at, self.order = 0, np.stack([next(epoch) for epoch in self.epochs])
        chosen = self.order[:, self.at : self.at + self.batch]
        self.at += self.batch
        if not self.shared:
            chosen = chosen[self.rows]
        return tuple(array.take(chosen, axis=0) for array in self.arrays)

    def keep(self, alive: Array) -> None:
        self.rows = self.rows[alive]


class Training:
    """The runs of a cohort between two steps. The rule is pure, so all that changes stands here."""

    def __init__(self, cohort: Cohort, problem: Problem, rule: Optimizer, schedule: Callable[..., float]) -> None:
        self.problem, self.rule, self.schedule, self.cohort = problem, rule, schedule, cohort
        runs, dtype = cohort.runs, np.dtype(cohort.dtype)
        starts = [np.asarray(problem.start(stream(run.seed, "start"))) for run in runs]
        # One or two parameters: runs lie next to each other in memory, so that (R, 1) columns broadcast at full speed.
        self.w = np.array(starts, dtype=dtype, order="F" if problem.size <= 2 else "C")
        self.alive = np.arange(len(runs))
        self.t = 0
        self.returned = ("w", *rule.state)
        self.batches = Batches(problem, cohort, [run.seed for run in runs])
        self.data: tuple[Array, ...] = ()
        self.hyper = {
            name: _column(np.array([run.hyperparameters[name] for run in runs], dtype)) for name in rule.hyperparameters
        }
        self.counts = {name: np.zeros(len(runs), int) for name in COUNTS}
        self.scale = np.full(len(runs), LARGEST)
        self.noise = [stream(run.seed, "noise") for run in runs] if "normal" in rule.arguments else []
        self.supply: dict[str, Any] = {
            "grad": self.grad,
            "value": self.value,
            "hessian_product": self.hessian_product,
            "normal": self.normal,
            "blocks": problem.blocks,
        }
        if "f_min" in rule.arguments:
            if problem.minimum is None:
                raise RuleError(f"rule '{rule.name}' asks for f_min, but problem '{problem.name}' knows no minimum")
            self.supply["f_min"] = np.full((len(runs), 1), problem.minimum, dtype)
        for name, initial in rule.state.items():
            if callable(initial):
                self.supply[name] = self._initial(name, initial(self.w))
            else:
                self.supply[name] = np.full_like(self.w, initial)
        for array in (self.w, *self.hyper.values(), *(self.supply[name] for name in rule.state)):
            array.flags.writeable = False

    def _initial(self, name: str, value: Any) -> Array:
        value = np.array(value, dtype=self.w.dtype)
        if value.ndim == 0 or len(value) != len(self.w):
            raise RuleError(
                f"rule '{self.rule.name}': state '{name}' starts with shape {value.shape}; its first axis must be the "
                f"{len(self.w)} runs"
            )
        return value

    @property
    def solution(self) -> Array:
        """The point that a rule stands for: w, unless it declares another."""
        if self.rule.solution is None:
            return self.w
        solution: Array = self.rule.solution(self.w, *(self.supply[name] for name in self.rule.state))
        return solution

    def evaluate(self) -> tuple[Array, Array, Array]:
        """Draw the next batch: the loss and gradient at w, and which runs are still bounded."""
        self.data = self.batches.next() if self.problem.train else ()
        loss, g = self.problem.value_grad(self.w, *self.data)
        if self.cohort.l2:
            g = g + self.w.dtype.type(self.cohort.l2) * self.w
        return loss, g, np.abs(loss) <= self.scale  # false for nan and infinity too

    def step(self, loss: Array, g: Array) -> None:
        """One update of every run."""
        rule, supply = self.rule, self.supply
        t = self.t + 1
        self.counts["gradient_evaluations"] += 1
        g.flags.writeable = False
        supply["w"], supply["g"], supply["t"], supply["loss"] = self.w, g, t, loss[:, None]
        hyper = self.hyper
        factor = self.schedule(t, self.cohort.steps)
        if factor != 1 and "lr" in hyper:
            hyper = {**hyper, "lr": hyper["lr"] * self.w.dtype.type(factor)}
        returned = rule.rule(*[supply[name] for name in rule.arguments], **hyper, **self.cohort.options)
        outputs = returned if isinstance(returned, tuple) else (returned,)
        if len(outputs) != len(self.returned):
            raise RuleError(
                f"rule '{rule.name}' returned {len(outputs)} values; its signature declares {len(self.returned)}: "
                f"{', '.join(self.returned)}"
            )
        for name, new in zip(self.returned, outputs, strict=True):
            old = supply[name]
            if getattr(new, "shape", None) != old.shape or new.dtype != old.dtype:
                raise RuleError(
                    f"rule '{rule.name}' returned {name} as {_described(new)}; it must be {_described(old)}"
                )
            new.flags.writeable = False
            supply[name] = new
        self.t, self.w = t, outputs[0]

    def keep(self, mask: Array) -> None:
        """Let the runs outside ``mask`` leave the arrays."""
        self.alive = self.alive[mask]
        self.w = _rows(self.w, mask)
        self.hyper = {
            name: column if len(column) == 1 else _column(column[mask, 0]) for name, column in self.hyper.items()
        }
        self.counts = {name: count[mask] for name, count in self.counts.items()}
        for name in (*self.rule.state, *({"f_min"} & self.supply.keys())):
            self.supply[name] = _rows(self.supply[name], mask)
        self.scale = self.scale[mask]
        self.noise = [rng for rng, kept in zip(self.noise, mask, strict=True) if kept] if self.noise else []
        self.batches.keep(mask)
        self.data = tuple(_rows(array, mask) if len(array) > 1 else array for array in self.data)

    # What a rule may call; where (R, 1) or (R,) names the runs that pay, all by default.

    def grad(self, w: Array, where: Array | None = None) -> Array:
        self._charge("gradient_evaluations", where)
        g = self.problem.value_grad(w, *self.data)[1]
        return g + self.w.dtype.type(self.cohort.l2) * w if self.cohort.l2 else g

    def value(self, w: Array, where: Array | None = None) -> Array:
        self._charge("value_evaluations", where)
        return self.problem.loss(w, *self.data)[:, None]

    def hessian_product(self, w: Array, v: Array, where: Array | None = None) -> Array:
        """Exact where the problem can, else a central difference of gradients, which costs two."""
        if self.problem.hessian_product is not None:
            self._charge("hessian_products", where)
            product = self.problem.hessian_product(w, v, *self.data)
            return product + self.w.dtype.type(self.cohort.l2) * v if self.cohort.l2 else product
        norm = np.sqrt((v**2).sum(axis=-1, keepdims=True))
        size = np.sqrt((w**2).sum(axis=-1, keepdims=True))
        h = np.finfo(w.dtype).eps ** (1 / 3) * (1 + size) / np.where(norm > 0, norm, 1)
        h = h.astype(w.dtype)
        return (self.grad(w + h * v, where) - self.grad(w - h * v, where)) / (2 * h)

    def normal(self) -> Array:
        draws = np.stack([rng.standard_normal(self.w.shape[1]) for rng in self.noise])
        return draws.astype(self.w.dtype)

    def _charge(self, count: str, where: Array | None) -> None:
        self.counts[count] += 1 if where is None else np.reshape(where, -1).astype(bool)


def _column(values: Array) -> Array:
    """(R,) -> (R, 1), or (1, 1) where all runs have the same: then a power of it is computed once. Read-only."""
    column = values[:1, None] if (values == values[:1]).all() else values[:, None]
    column.flags.writeable = False
    return column


def _rows(array: Array, mask: Array) -> Array:
    kept = array[mask]
    if array.ndim == 2 and array.flags.f_contiguous:
        kept = np.asfortranarray(kept)
    kept.flags.writeable = array.flags.writeable
    return kept


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return type(value).__name__


def train(
    cohort: Cohort,
    problem: Problem,
    rule: Optimizer,
    schedule: Callable[..., float],
    metrics: list[Metric],
    deadline: float = float("inf"),
    on_point: Callable[[dict[str, Any]], None] | None = None,
) -> Outcome:
    """Train a cohort to the end of its budget, or to ``deadline`` on the monotonic clock.

    ``on_point`` sees every recorded point as it is made. Nothing that a rule raises comes out.
    """
    problem = problem.astype(cohort.dtype)
    outcome = Outcome([Ending() for _ in cohort.runs], [])
    training: Training | None = None
    with np.errstate(all="ignore"):  # overflow is what divergence looks like
        try:
            training = Training(cohort, problem, rule, schedule)
            _loop(training, outcome, metrics, deadline, on_point)
            outcome.seconds_per_step = _time_alone(cohort, problem, rule, schedule)
        except CohortTimeout:
            _end_all(training, outcome, "timeout", "the time limit of its cohort ran out")
        except Exception as error:
            _end_all(training, outcome, "failed", _blame(error))
    return outcome


def _loop(
    training: Training,
    outcome: Outcome,
    metrics: list[Metric],
    deadline: float,
    on_point: Callable[[dict[str, Any]], None] | None,
) -> None:
    cohort, problem = training.cohort, training.problem
    part = recording.part(problem)

    def record() -> dict[str, Array]:
        columns = recording.measure(part, training.solution, metrics)
        point = {"step": training.t, "runs": training.alive, "columns": columns}
        point["counts"] = {name: count.copy() for name, count in training.counts.items()}
        if training.w.shape[1] == 2:
            columns["w0"], columns["w1"] = training.solution.T.copy()
        outcome.points.append(point)
        if on_point:
            on_point(point)
        return columns

    first = record()
    points, outcome.evaluation_share = recording.points(cohort, problem, part, first)
    initial = np.abs(first["loss"])
    training.scale = np.where((initial > 0) & np.isfinite(initial), GROWTH * initial, LARGEST)
    limit = cohort.budget[1] if cohort.budget[0] == "gradient_evaluations" else None
    while len(training.alive) and training.t < cohort.steps:
        if time.monotonic() > deadline:
            raise CohortTimeout
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            _diverge(training, outcome, ~bounded)
            training.keep(bounded)
            loss, g = loss[bounded], _rows(g, bounded)
            if not len(training.alive):
                break
        training.step(loss, g)
        if limit is not None:
            spent: Array = np.sum([*training.counts.values()], axis=0) >= limit
            if spent.any():
                _finish(training, outcome, spent, problem, metrics)
                training.keep(~spent)
        if training.t in points and len(training.alive):
            record()
    if len(training.alive):
        if outcome.points[-1]["step"] != training.t:
            record()
        _finish(training, outcome, np.ones(len(training.alive), bool), problem, metrics)


def _diverge(training: Training, outcome: Outcome, gone: Array) -> None:
    for row in np.flatnonzero(gone).tolist():
        text = f"the loss was not finite, or {GROWTH:g} times that at the start, after step {training.t}"
        _end(training, outcome, row, "diverged", text)
        outcome.endings[training.alive[row]].diverged_at = training.t


def _finish(training: Training, outcome: Outcome, done: Array, problem: Problem, metrics: list[Metric]) -> None:
    """The final numbers of the runs in ``done``, on all examples."""
    columns = recording.measure(problem, _rows(training.solution, done), metrics)
    rows = np.flatnonzero(done)
    finite = np.isfinite(columns["loss"]) & (np.abs(columns["loss"]) <= training.scale[rows])
    lost = np.zeros(len(done), bool)
    lost[rows[~finite]] = True
    _diverge(training, outcome, lost)
    for place, row in enumerate(rows.tolist()):
        if finite[place]:
            _end(training, outcome, row, "finished", "")
            outcome.endings[training.alive[row]].final = {name: float(v[place]) for name, v in columns.items()}


def _end(training: Training, outcome: Outcome, row: int, status: str, text: str) -> None:
    ending = outcome.endings[training.alive[row]]
    ending.status, ending.reason, ending.steps = status, text, training.t
    ending.counts = {name: int(count[row]) for name, count in training.counts.items()}


def _end_all(training: Training | None, outcome: Outcome, status: str, text: str) -> None:
    if training is not None:
        for row in range(len(training.alive)):
            if outcome.endings[training.alive[row]].status == "running":
                _end(training, outcome, row, status, text)
    for ending in outcome.endings:
        if ending.status == "running":
            ending.status, ending.reason = status, text


def _blame(error: Exception) -> str:
    """Why a rule or a problem failed, in one line."""
    if isinstance(error, RuleError | InputError):
        return str(error)
    if "read-only" in str(error):
        return f"{reason(error)}: inputs are read-only; a rule returns new arrays and changes nothing in place"
    return reason(error)


def _time_alone(cohort: Cohort, problem: Problem, rule: Optimizer, schedule: Callable[..., float]) -> float:
    """Seconds that a step takes in a run of its own: the median of a few after a warm-up; nan if it diverges."""
    training = Training(replace(cohort, runs=cohort.runs[:1]), problem, rule, schedule)
    times, begin = [], time.perf_counter()
    for _ in range(min(8, 3 + cohort.steps // 100)):
        before = time.perf_counter()
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            break
        training.step(loss, g)
        times.append(time.perf_counter() - before)
        if time.perf_counter() - begin > 0.02:
            break
    return float(np.median(times[2:] or times)) if times else float("nan")


def curve_points(outcome: Outcome, row: int) -> Iterator[dict[str, Any]]:
    """The recorded points of one run, in order."""
    for point in outcome.points:
        places = np.flatnonzero(point["runs"] == row)
        if len(places):
            place = places[0]
            columns = {name: float(value[place]) for name, value in point["columns"].items()}
            counts = {name: int(value[place]) for name, value in point["counts"].items()}
            yield {"step": point["step"], **counts, **columns}
