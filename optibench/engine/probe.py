"""Why a run ended as it did, in numbers: gradients, curvature, consecutive steps, dead units. Words come later.

Shapes: w (R, P). All is computed in float64, run by run, on at most 256 training examples, and charged to nobody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from optibench.engine.records import Cohort
from optibench.engine.state import Training, difference
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array, Facts

#: Cosines of consecutive steps are taken over the last steps of the budget, this many points.
TRAIL = 11
#: Diagnosis may cost this share of a run's training, in gradients of examples; a few products are always taken.
SHARE = 0.1
FEWEST, MOST = 4, 20
#: A gradient this much shorter than at the start, or so short at all, is small: then the curvature is computed too.
SMALL, TINY = 1e-3, 1e-8


def penalised(problem: Problem, l2: float) -> Problem:
    """With l2 / 2 |w|^2 added, as ``Transforms`` adds its gradient: the gradient that rules see."""
    if not l2:
        return problem

    def value_grad(w: Array, *batch: Array) -> tuple[Array, Array]:
        loss, g = problem.value_grad(w, *batch)
        return loss + l2 / 2 * dot(w, w)[:, 0], g + l2 * w

    curvature = problem.hessian_product
    penalised = curvature and (lambda w, v, *batch: curvature(w, v, *batch) + l2 * v)
    return replace(problem, value_grad=value_grad, hessian_product=penalised)


def gradient(problem: Problem, w: Array) -> Array:
    """On the training examples, (R, P)."""
    return problem.value_grad(w, *(array[None] for array in problem.train))[1]


def product(problem: Problem, w: Array, v: Array) -> Array:
    """The Hessian at w times v, (R, P): exact where the problem can, else a central difference of gradients."""
    if problem.hessian_product is not None:
        return problem.hessian_product(w, v, *(array[None] for array in problem.train))
    h = difference(w, v)
    return (gradient(problem, w + h * v) - gradient(problem, w - h * v)) / (2 * h)


def extremes(problem: Problem, w: Array, products: int) -> tuple[Array, Array]:
    """Lowest and highest curvature at w, (R,) each: Ritz values of a Lanczos process with full reorthogonalisation.

    Exact for P <= products; else the true ones lie outside. Lanczos 1950; Golub and Van Loan 2013, section 10.3.
    """
    count = min(products, w.shape[1])
    v = np.random.default_rng(0).standard_normal((1, w.shape[1])) * np.ones_like(w)
    v /= norm(v)
    basis, diagonal, off_diagonal = [v], [], []
    for _ in range(count):
        u = product(problem, w, basis[-1])
        diagonal.append(dot(u, basis[-1]))
        for _ in range(2):  # twice is enough
            for q in basis:
                u = u - dot(u, q) * q
        size = norm(u)
        ended: Array = np.less_equal(size, 1e-10 * (1 + np.abs(diagonal[0])))
        off_diagonal.append(np.where(ended, 0, size))
        basis.append(np.where(ended, 0, u / np.where(ended, 1, size)))
    t = np.zeros((len(w), count, count))
    for k in range(count):
        exhausted = norm(basis[k]) == 0  # the space holds no more: any value between the extremes
        t[:, k, k] = np.where(exhausted, diagonal[0], diagonal[k])[:, 0]
        if k + 1 < count:
            t[:, k, k + 1] = t[:, k + 1, k] = off_diagonal[k][:, 0]
    usable: Array = np.isfinite(t.sum(axis=(1, 2)))
    values = np.linalg.eigvalsh(np.where(usable[:, None, None], t, 0))
    return np.where(usable, values[:, 0], np.nan), np.where(usable, values[:, -1], np.nan)


def dot(a: Array, b: Array) -> Array:
    """(R, 1)"""
    return (a * b).sum(axis=-1, keepdims=True)


def norm(a: Array) -> Array:
    """(R, 1)"""
    return np.sqrt(dot(a, a))


def cosine(trail: Sequence[Array]) -> Array:
    """(R,): the median cosine between consecutive steps of these w; nan for fewer than two steps, or steps of 0."""
    steps = [after - before for before, after in pairwise(trail)]
    if len(steps) < 2:
        return np.full(len(trail[0]) if trail else 0, np.nan)
    cosines = np.column_stack([dot(a, b) / (norm(a) * norm(b)) for a, b in pairwise(steps)])
    return np.median(cosines, axis=-1)


class Watch:
    """Collects per-run statistics of a cohort: numbers that explain how its runs ended. It never ends one itself.

    Of a cohort that is not observed it collects nothing.
    """

    def __init__(self, cohort: Cohort, problem: Problem, training: Training) -> None:
        """``problem``: the part of it that curves are measured on, in float64."""
        self.cohort, self.problem, self.rule = cohort, penalised(problem, cohort.transforms.l2), training.rule
        self.starts = self.first = self.g = np.array(training.w, float)
        self.trail: deque[Array] = deque(maxlen=TRAIL)
        self.known: dict[bytes, float] = {}  # the largest curvature by start: many rates share one
        size = len(training.w)
        self.losses = np.full((3, size), np.nan)  # at the start, at half of the budget, last; by run of the cohort
        self.shares = np.zeros(size)  # of the budget, that were spent at the last recorded point
        examples = max(problem.examples, 1)
        affordable = SHARE * cohort.steps * max(cohort.batch, 1) / examples / 2
        self.products = int(np.clip(affordable, FEWEST, MOST))

    def recorded(self, training: Training, some: Array, losses: Array) -> None:
        """A point of the runs in ``some``; between two of them lies the loss at half of the budget."""
        if not self.cohort.observed:
            return
        runs, share = training.alive[some], np.full(len(losses), training.t / max(self.cohort.steps, 1))
        if self.cohort.limit is not None:  # such a run may end long before the last step
            spent: Array = np.sum([*training.counts.values()], axis=0)
            share = np.maximum(share, spent[some] / self.cohort.limit)
        if training.t == 0:
            self.losses[0, runs] = losses
        first, last = self.shares[runs], self.losses[2, runs]
        between = (first <= 0.5) & (share > 0.5)
        half = last + (0.5 - first) / np.where(between, share - first, 1) * (losses - last)
        near = np.where(first >= 0.25, half, np.nan)  # or no point was recorded near
        self.losses[1, runs] = np.where(between, near, self.losses[1, runs])
        self.losses[2, runs], self.shares[runs] = losses, share

    def stepped(self, training: Training, g: Array) -> None:
        if not self.cohort.observed:
            return
        if training.t == 1:
            self.first, self.g = training.w, g
        # Only near the end: what is kept falls out of the cache. Runs with a limit may end at any step.
        if self.cohort.limit is not None or training.t > self.cohort.steps - TRAIL:
            self.trail.append(training.w)

    def keep(self, mask: Array) -> None:
        self.starts, self.first, self.g = self.starts[mask], self.first[mask], self.g[mask]
        self.trail = deque((w[mask] for w in self.trail), maxlen=TRAIL)

    def finished(self, training: Training, done: Array) -> list[Facts]:
        """The facts of the runs in ``done``, a mask of those that are alive, in their order."""
        return self._facts(self._at_the_end, training, done)

    def diverged(self, training: Training, gone: Array) -> list[Facts]:
        """Likewise, of runs that have diverged: from their start and their first step."""
        return self._facts(self._at_the_start, training, gone)

    def _facts(
        self, find: Callable[[Training, Array], dict[str, Array]], training: Training, some: Array
    ) -> list[Facts]:
        try:
            return _rows(find(training, some) if self.cohort.observed else {}, int(some.sum()))
        except Exception:  # a problem whose curvature or units raise has no diagnosis
            return [{} for _ in range(int(some.sum()))]

    def _at_the_end(self, training: Training, done: Array) -> dict[str, Array]:
        w = np.array(training.solution[done], float)
        first, half, last = self.losses[:, training.alive[done]]
        facts = {"start_loss": first, "late_share": np.where(first > last, (half - last) / (first - last), np.nan)}
        if self.trail:
            facts["step_cosine"] = cosine([np.array(w[done], float) for w in self.trail])
        if self.problem.units is not None:
            dead, units, name = self.problem.units(w, self.problem.train[0][None])
            facts |= {"dead_units": dead, "units": np.full(len(w), units), "unit": np.full(len(w), name, object)}
        if self.problem.draws is not None:
            return facts
        facts["gradient_norm"] = norm(gradient(self.problem, w))[:, 0]
        facts["start_gradient_norm"] = norm(gradient(self.problem, self.starts[done]))[:, 0]
        small: Array = facts["gradient_norm"] < np.maximum(SMALL * facts["start_gradient_norm"], TINY)
        if self.problem.smooth and small.any():
            low, high = np.full((2, len(w)), np.nan)
            low[small], high[small] = extremes(self.problem, w[small], self.products)
            facts |= {"lowest_curvature": low, "largest_curvature": high}
        return facts

    def _at_the_start(self, training: Training, gone: Array) -> dict[str, Array]:
        first, _, last = self.losses[:, training.alive[gone]]
        facts = {"start_loss": first, "last_loss": last}
        if self.problem.draws is not None or not self.problem.smooth:
            return facts
        start = np.array(self.starts[gone], float)
        facts["start_curvature"] = self._largest(start)
        step = np.array(self.first[gone], float) - start
        down = -dot(gradient(self.problem, start), step)
        facts["overshoot"] = np.where(down > 0, dot(step, product(self.problem, start, step)) / down, np.nan)[:, 0]
        if not self.rule.state and not self.rule.solver:
            g = np.array(self.g[gone], float)
            lr = -dot(g, step) / dot(g, g)
            plain = norm(step + lr * g) <= 1e-3 * norm(step)  # a step of -lr g
            rate = lr[:, 0] * self._growth(training)
            facts["lr_times_curvature"] = np.where(plain[:, 0], rate * facts["start_curvature"], np.nan)
        return facts

    def _largest(self, start: Array) -> Array:
        """The largest curvature at these rows, (R,), each start computed once."""
        keys = [row.tobytes() for row in start]
        new = {key: row for key, row in zip(keys, start, strict=True) if key not in self.known}
        if new:
            self.known |= zip(new, extremes(self.problem, np.array([*new.values()]), MOST)[1].tolist(), strict=True)
        return np.array([self.known[key] for key in keys])

    def _growth(self, training: Training) -> float:
        """The schedule's factor now relative to the first step's, at least 1: a warmup starts small."""
        first, last = (training.schedule(t, self.cohort.steps) for t in (1, max(training.t, 1)))
        return max(1.0, last / first) if first > 0 else 1.0


def _rows(facts: dict[str, Array], count: int) -> list[Facts]:
    """Columns, (R,) each, as one dictionary a run."""
    if not facts:
        return [{} for _ in range(count)]
    columns = (values.tolist() for values in facts.values())
    return [dict(zip(facts, row, strict=True)) for row in zip(*columns, strict=True)]
