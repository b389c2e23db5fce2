"""A problem in numbers: curvature at the start and at the best known point, its gradient checked, and two descents.

All in float64, on so many training examples that a page is made in seconds. Shapes: w (P,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optibench.engine.external import begin
from optibench.engine.instruments import with_fixed_noise
from optibench.engine.loop import GROWTH
from optibench.engine.measure import part
from optibench.engine.probe import extremes, gradient, product
from optibench.engine.records import alone
from optibench.engine.state import LARGEST, rows
from optibench.engine.streams import stream
from optibench.errors import PluginError, quoted
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array
from optibench.racing.train import RATES
from optibench.teaching.checks import quotient

#: Most numbers that a gradient may touch, examples times what one of them costs, and fewest examples. A known minimum
#: is of all examples, so all are taken if they cost at most KNOWN times as much.
WORK, FEWEST = 1_500_000, 16
KNOWN = 4
#: Most numbers that a descent at all its rates may touch, and its longest and shortest length in steps.
DESCENT, LONGEST, SHORTEST = 1_200_000_000, 300, 15
#: Up to so many parameters all eigenvalues of the Hessian are computed; else the extremes, by so many products.
EXACT, PRODUCTS = 350, 20
#: Coordinates that the gradient is checked along.
COORDINATES = 100
#: An eigenvalue smaller than this share of the largest is 0 to the digits that differences of gradients have.
FLAT = 1e-7
#: Examples whose single gradients are compared.
SINGLE = 64


@dataclass(frozen=True)
class Curvature:
    """The Hessian at w: ``values``, its eigenvalues in order, or only the lowest and highest found if not ``exact``.

    An eigenvalue that is 0 to rounding is 0.
    """

    w: Array
    loss: float
    gradient: float  # its length
    values: Array
    exact: bool

    @property
    def lowest(self) -> float:
        return float(self.values[0])

    @property
    def largest(self) -> float:
        return float(self.values[-1])

    @property
    def size(self) -> float:
        """The largest absolute value."""
        return float(np.abs(self.values).max())

    @property
    def negative(self) -> int:
        return int((self.values < 0).sum())

    @property
    def flat(self) -> int:
        return int((self.values == 0).sum())

    @property
    def condition(self) -> float | None:
        """Largest by smallest eigenvalue; None where one is not positive or not known."""
        return self.largest / self.lowest if self.exact and self.lowest > 0 else None


@dataclass(frozen=True)
class Descent:
    """A rule at the best of ``rates`` with the exact gradient: losses (T + 1,), points (T + 1, P) of two parameters."""

    name: str
    lr: float
    losses: Array
    end: Array
    gradient: float  # its length at the end
    points: Array | None
    diverged: bool


@dataclass(frozen=True)
class Check:
    """The largest deviation of the gradient from difference quotients over some coordinates, as a share of the longest
    component of the gradient."""

    deviation: float
    coordinates: int


@dataclass(frozen=True)
class Landscape:
    """What the page of a problem shows of it. ``small`` is the part that was measured, without noise; ``best_is`` says
    which point the best known one is; ``start`` and ``best`` are None where the problem has no curvature.

    ``noise``: the deviation of a single example's gradient from the mean at the start, by the length of that mean.
    """

    problem: Problem
    small: Problem
    check: Check
    descents: tuple[Descent, ...]
    steps: int
    start: Curvature | None
    best: Curvature | None
    best_is: str
    noise: float | None
    start_loss: float
    start_gradient: float


def landscape(problem: Problem, rules: Sequence[Optimizer]) -> Landscape:
    """Measure a problem, and descend it by each of ``rules``.

    Raises what the problem raises, and PluginError where its loss or gradient at the start is not finite.
    """
    small = reduced(problem.astype("float64"))
    w = np.asarray(problem.start(stream(0, "start")), float)
    batch = tuple(array[None] for array in small.train)
    with np.errstate(all="ignore"):
        loss, g = small.value_grad(w[None], *batch)
        if not (np.isfinite(loss).all() and np.isfinite(g).all()):
            raise PluginError(
                f"problem {quoted(problem.name)}: at the start of seed 0 its loss is {loss[0]:g} and the length of its "
                f"gradient {np.linalg.norm(g):g}; both must be finite"
            )
        some = np.unique(np.linspace(0, len(w) - 1, min(len(w), COORDINATES)).round().astype(int))
        difference = np.abs(quotient(small.value_grad, w, some, batch) - g[0, some]).max()
        check = Check(float(difference) / (float(np.abs(g).max()) or 1.0), len(some))
        descents, steps = _descents(small, rules, w)
        reached = [one for one in descents if not one.diverged]
        best_is, best = "", None
        if problem.minimizer is not None:
            best_is, best = "the minimizer", np.array(problem.minimizer, float)
        elif reached:
            lowest = min(reached, key=lambda one: one.losses[-1])
            best_is, best = f"the end of {lowest.name} after {steps} steps", lowest.end
        return Landscape(
            problem, small, check, descents, steps,
            curvature(small, w) if problem.smooth else None,
            curvature(small, best) if problem.smooth and best is not None else None,
            best_is, _noise(small, w), float(loss[0]), float(np.linalg.norm(g)),
        )  # fmt: skip


def reduced(problem: Problem) -> Problem:
    """The examples that curves are measured on, fewer where that is too slow for a page, under one draw of noise."""
    small = part(problem)
    if small.train:
        work = WORK if problem.minimum is None else KNOWN * WORK
        count = int(np.clip(work // _cost(problem), FEWEST, len(small.train[0])))
        small = replace(small, train=tuple(array[:count] for array in small.train))
    return with_fixed_noise(small)


def _cost(problem: Problem) -> int:
    """Numbers that the gradient of an example touches, roughly."""
    return problem.size + 30 * problem.width


def curvature(problem: Problem, w: Array) -> Curvature:
    """The eigenvalues of the Hessian at w: all of few parameters, else the extremes by a short Lanczos process."""
    size, batch = len(w), tuple(array[None] for array in problem.train)
    loss, g = problem.value_grad(w[None], *batch)
    if size <= EXACT:
        hessian = np.concatenate([
            product(problem, np.tile(w, (len(some), 1)), some)
            for some in np.array_split(np.eye(size), -(-size // 32))
        ])  # fmt: skip
        if np.isfinite(hessian).all():
            values = np.linalg.eigvalsh((hessian + hessian.T) / 2)
            values[np.abs(values) <= FLAT * np.abs(values).max()] = 0.0
        else:
            values = np.full(2, np.nan)
        return Curvature(w, float(loss[0]), float(np.linalg.norm(g)), values, True)
    low, high = extremes(problem, w[None], PRODUCTS)
    return Curvature(w, float(loss[0]), float(np.linalg.norm(g)), np.array([low[0], high[0]]), False)


def _descents(problem: Problem, rules: Sequence[Optimizer], w: Array) -> tuple[tuple[Descent, ...], int]:
    """Each rule at its best rate, after as many steps as the work allows; a rule that fails is left out."""
    cost = max(len(problem.train[0]) if problem.train else 1, 1) * _cost(problem)
    rates = RATES if cost * len(RATES) * LONGEST < DESCENT else RATES[8::3]
    steps = int(np.clip(DESCENT // (cost * len(rates)), SHORTEST, LONGEST))
    return tuple(_descent(problem, rule, rates, steps, w) for rule in rules), steps


def _descent(problem: Problem, rule: Optimizer, rates: Sequence[float], steps: int, w: Array) -> Descent:
    cohort = alone(rule, [{"lr": rate} for rate in rates], steps)
    runs = tuple(replace(run, seed=0) for run in cohort.runs)
    cohort = replace(cohort, runs=runs, batch=len(problem.train[0]) if problem.train else 0)
    training = begin(cohort, problem, rule, lambda t, total: 1.0, np.tile(w, (len(runs), 1)))
    losses = np.full((steps + 1, len(runs)), np.nan)
    points = np.full((steps + 1, len(runs), len(w)), np.nan) if len(w) == 2 else None
    ends = np.tile(w, (len(runs), 1))
    first = training.evaluate()[0]
    scale = np.abs(first).max()
    training.scale = np.full(len(runs), GROWTH * scale if 0 < scale < np.inf else LARGEST)
    for t in range(steps + 1):
        loss, g, bounded = training.evaluate()
        if not bounded.all():
            training.keep(bounded)
            loss, g = loss[bounded], rows(g, bounded)
            if not len(training.alive):
                break
        losses[t, training.alive] = loss
        ends[training.alive] = training.w
        if points is not None:
            points[t, training.alive] = training.w
        if t < steps:
            training.step(loss, g)
    final = np.where(np.isfinite(losses[-1]), losses[-1], np.inf)
    best = int(np.argmin(final))
    path = None if points is None else points[:, best]
    length = float(np.linalg.norm(gradient(problem, ends[best : best + 1])))
    diverged = not np.isfinite(final[best])
    return Descent(rule.name, rates[best], losses[:, best], ends[best], length, path, diverged)


def _noise(problem: Problem, w: Array) -> float | None:
    """None without data, or where the mean is 0."""
    if not problem.train or len(problem.train[0]) < 2:
        return None
    some = tuple(array[:SINGLE, None] for array in problem.train)
    g = problem.value_grad(np.tile(w, (len(some[0]), 1)), *some)[1]
    mean = g.mean(axis=0)
    deviation = float(np.sqrt(((g - mean) ** 2).sum(axis=1).mean()))
    length = float(np.linalg.norm(gradient(problem, w[None])))
    return deviation / length if length > 0 and np.isfinite(deviation) else None
