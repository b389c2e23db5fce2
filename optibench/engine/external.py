"""An external solver, a whole method of another library, as runs that the harness can follow: a reference curve."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from optibench.engine.records import COUNTS, Cohort
from optibench.engine.state import Training, curved
from optibench.errors import SettingError
from optibench.plugin.optimizer import Optimizer
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array


class Spent(BaseException):
    """Raised in place of an evaluation beyond the budget; no Exception, so that no solver's ``except`` swallows it."""


class Objective:
    """The objective of one run, x (P,): evaluations are counted, none exceeds the budget; ``note`` takes iterates."""

    def __init__(self, problem: Problem, training: Training, x: Array) -> None:
        self.problem, self.training = problem, training
        self.data = tuple(array[None] for array in problem.train)
        self.counts = dict.fromkeys(COUNTS, 0)
        self.path: list[tuple[Array, dict[str, int]]] = [(x, dict(self.counts))]

    def value(self, x: Array) -> float:
        self._charge("value_evaluations")
        return float(self.problem.loss(self._row(x), *self.data)[0])

    def value_grad(self, x: Array) -> tuple[float, Array]:
        self._charge("gradient_evaluations")
        w = self._row(x)
        loss, g = self.problem.value_grad(w, *self.data)
        return float(loss[0]), self.training.cohort.transforms(g, w, self.problem.blocks)[0].astype(float)

    def gradient(self, x: Array) -> Array:
        return self.value_grad(x)[1]

    def hessian_product(self, x: Array, v: Array) -> Array:
        curved(self.problem, self.training.rule)
        if self.problem.hessian_product is not None:
            self._charge("hessian_products")
            product = self.problem.hessian_product(self._row(x), self._row(v), *self.data)
            return (product[0] + self.training.cohort.transforms.l2 * v).astype(float)
        size = float(np.sqrt(v @ v)) or 1.0
        h = np.finfo(self.training.w.dtype).eps ** (1 / 3) * (1 + float(np.sqrt(x @ x))) / size
        return (self.gradient(x + h * v) - self.gradient(x - h * v)) / (2 * h)

    def note(self, x: Array) -> None:
        self.path.append((self._row(x)[0], dict(self.counts)))

    def end(self) -> None:
        """What was spent after the last iterate, in an iteration that did not end, is charged there."""
        self.path[-1] = (self.path[-1][0], dict(self.counts))

    def _charge(self, count: str) -> None:
        limit = self.training.cohort.limit
        if limit is not None and sum(self.counts.values()) >= limit:
            raise Spent
        self.counts[count] += 1

    def _row(self, x: Array) -> Array:
        return np.array(x, dtype=self.training.w.dtype)[None]


class Solving(Training):
    """Each run solved to the end of its budget at the first step, then shown iterate by iterate.

    The path ends at the last iterate that the budget covers. A method that stops earlier stays where it is, and costs
    no more.
    """

    def __init__(
        self,
        cohort: Cohort,
        problem: Problem,
        rule: Optimizer,
        schedule: Callable[..., float],
        starts: Array | None = None,
    ) -> None:
        super().__init__(cohort, problem, rule, schedule, starts)
        self.paths: list[Objective] = []

    def evaluate(self) -> tuple[Array, Array, Array]:
        """The loss; the method has its own gradients."""
        if self.problem.draws is not None:
            raise SettingError(
                f"'{self.rule.name}' needs the same loss at every call, but '{self.problem.name}' draws noise; "
                "choose another"
            )
        if not self.paths:
            self.paths = [Objective(self.problem, self, x) for x in self.w]
            for objective, x in zip(self.paths, self.w, strict=True):
                options = {name: column.ravel()[0] for name, column in self.hyper.items()}
                with suppress(Spent):
                    self.rule.rule(objective, x.astype(float), self.cohort.steps, **options, **self.cohort.options)
                objective.end()
        loss = self.problem.loss(self.w, *(array[None] for array in self.problem.train))
        return loss, self.w, np.abs(loss) <= self.scale

    def step(self, loss: Array, g: Array) -> None:
        self.t += 1
        points = [run.path[min(self.t, len(run.path) - 1)] for run in self.paths]
        self.w = np.array([x for x, _ in points])
        self.w.flags.writeable = False
        self.counts = {name: np.array([counts[name] for _, counts in points]) for name in COUNTS}

    def keep(self, mask: Array) -> None:
        super().keep(mask)
        self.paths = [path for path, kept in zip(self.paths, mask, strict=True) if kept]


def begin(
    cohort: Cohort, problem: Problem, rule: Optimizer, schedule: Callable[..., float], starts: Array | None = None
) -> Training:
    """The runs of a cohort before the first step."""
    return (Solving if rule.solver else Training)(cohort, problem, rule, schedule, starts)
