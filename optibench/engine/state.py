"""The runs of a cohort between two steps: parameters, state, batches, and what a rule may call.

Shapes: w and g (R, P); losses (R,); hyperparameters (R, 1), or (1, 1) where all runs have the same. When a run ends,
its row is removed from the arrays; the others continue.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np

from optibench.engine.batches import Batches
from optibench.engine.records import COUNTS, Cohort
from optibench.engine.streams import stream
from optibench.errors import RuleError, SettingError, reason
from optibench.plugin.optimizer import Optimizer, as_tuple
from optibench.plugin.problem import Problem
from optibench.plugin.types import Array, Facts

LARGEST = np.finfo(float).max


class Training:
    """The runs of a cohort between two steps. The rule is pure, so all that changes is kept here."""

    def __init__(
        self,
        cohort: Cohort,
        problem: Problem,
        rule: Optimizer,
        schedule: Callable[..., float],
        starts: Array | None = None,
    ) -> None:
        """``starts`` (R, P), if they are not those of the seeds."""
        self.problem, self.rule, self.schedule, self.cohort = problem, rule, schedule, cohort
        runs, dtype = cohort.runs, np.dtype(cohort.dtype)
        if starts is None:
            starts = np.array([problem.start(stream(run.seed, "start")) for run in runs])
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
        self.supply: Facts = {
            "grad": self.grad,
            "value": self.value,
            "hessian_product": self.hessian_product,
            "normal": self.normal,
            "blocks": problem.blocks,
        }
        if "hessian_product" in rule.arguments:
            curved(problem, rule)
        if "f_min" in rule.arguments:
            if problem.minimum is None:
                raise SettingError(
                    f"'{rule.name}' asks for f_min, but the minimum of '{problem.name}' is unknown; choose another"
                )
            self.supply["f_min"] = np.full((len(runs), 1), problem.minimum, dtype)
        states = rule.initial_state(self.w, blocks=problem.blocks, **self.hyper, **cohort.options)
        self.supply.update(zip(rule.state, states, strict=True))
        for array in (self.w, *self.hyper.values(), *(self.supply[name] for name in rule.state)):
            array.flags.writeable = False

    @property
    def solution(self) -> Array:
        """The point at which runs are evaluated: w, unless the rule declares another."""
        if self.rule.solution is None:
            return self.w
        solution: Array = self.rule.solution(self.w, *(self.supply[name] for name in self.rule.state))
        return solution

    def evaluate(self) -> tuple[Array, Array, Array]:
        """Draw the next batch: the loss and gradient at w, and which runs are still bounded."""
        self.data = self.batches.next() if self.problem.train else ()
        loss, g = self.problem.value_grad(self.w, *self.data)
        g = self.cohort.transforms(g, self.w, self.problem.blocks)
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
        arguments = [supply[name] for name in rule.arguments]
        try:
            outputs = as_tuple(rule.rule(*arguments, **hyper, **self.cohort.options))
        except ValueError as error:
            if self._changes(arguments, hyper):
                raise RuleError(
                    f"{reason(error)}: inputs are read-only; a rule returns new arrays and changes nothing in place"
                ) from error
            raise
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

    def _changes(self, arguments: list[object], hyper: dict[str, Array]) -> bool:
        """Whether the rule changes its inputs in place: NumPy has no error of its own for that, so try it on copies."""
        pairs: list[tuple[Array, Array]] = []

        def copied(value: object) -> object:
            if not isinstance(value, np.ndarray):
                return value
            pairs.append((value, value.copy()))
            return pairs[-1][1]

        counts, self.counts = self.counts, {name: count.copy() for name, count in self.counts.items()}
        copies, settings = (
            [copied(value) for value in arguments],
            {name: copied(value) for name, value in hyper.items()},
        )
        with suppress(Exception):  # what matters is what it did before
            self.rule.rule(*copies, **settings, **self.cohort.options)
        self.counts = counts
        return any(not np.array_equal(value, copy, equal_nan=True) for value, copy in pairs)

    def keep(self, mask: Array) -> None:
        """Remove the runs outside ``mask`` from the arrays."""
        self.alive = self.alive[mask]
        self.w = rows(self.w, mask)
        self.hyper = {
            name: column if len(column) == 1 else _column(column[mask, 0]) for name, column in self.hyper.items()
        }
        self.counts = {name: count[mask] for name, count in self.counts.items()}
        for name in (*self.rule.state, *({"f_min"} & self.supply.keys())):
            self.supply[name] = rows(self.supply[name], mask)
        self.scale = self.scale[mask]
        self.noise = [rng for rng, kept in zip(self.noise, mask, strict=True) if kept] if self.noise else []
        self.batches.keep(mask)
        self.data = tuple(rows(array, mask) if len(array) > 1 else array for array in self.data)

    # What a rule may call. ``where``, (R, 1) or (R,), marks the runs that pay, all by default; the others get NaN.

    def grad(self, w: Array, where: Array | None = None) -> Array:
        paid = self._charge("gradient_evaluations", where)
        g = self.cohort.transforms(self.problem.value_grad(w, *self.data)[1], w, self.problem.blocks)
        return self._paid_only(g, paid, self.w.shape[1])

    def value(self, w: Array, where: Array | None = None) -> Array:
        paid = self._charge("value_evaluations", where)
        loss = self.problem.loss if self.problem.value is None else self.problem.value
        return self._paid_only(loss(w, *self.data)[:, None], paid, 1)

    def hessian_product(self, w: Array, v: Array, where: Array | None = None) -> Array:
        """Exact where the problem can, else a central difference of gradients, which costs two."""
        if self.problem.hessian_product is not None:
            paid = self._charge("hessian_products", where)
            product = self.problem.hessian_product(w, v, *self.data)
            return self._paid_only(product + self.cohort.transforms.l2 * v, paid, self.w.shape[1])
        h = difference(w, v)
        return (self.grad(w + h * v, where) - self.grad(w - h * v, where)) / (2 * h)

    def normal(self) -> Array:
        draws = np.stack([rng.standard_normal(self.w.shape[1]) for rng in self.noise])
        return draws.astype(self.w.dtype)

    def _charge(self, count: str, where: Array | None) -> Array | None:
        """One evaluation for each run in ``where``: a mask, (R,) or (1,), of those that pay, None if all do."""
        if where is None:
            self.counts[count] += 1
            return None
        paid: Array = np.reshape(where, -1).astype(bool)
        self.counts[count] += paid
        return None if paid.all() else paid

    def _paid_only(self, found: Array, paid: Array | None, columns: int) -> Array:
        """The rows that were paid for, bit for bit, and NaN for the others; one point a run and call."""
        if found.shape != (len(self.alive), columns):
            raise RuleError(
                f"rule '{self.rule.name}' asked for evaluations of shape {found.shape}; a call evaluates one point of "
                f"each run, so it must be {(len(self.alive), columns)}"
            )
        if paid is None:
            return found
        found = found.copy(order="K")
        found[~np.broadcast_to(paid, len(found))] = np.nan
        return found


def difference(w: Array, v: Array) -> Array:
    """The length h, (R, 1), of w +- h v whose difference of gradients is a Hessian product, in w's precision."""
    norm = np.sqrt((v**2).sum(axis=-1, keepdims=True))
    size = np.sqrt((w**2).sum(axis=-1, keepdims=True))
    h = np.finfo(w.dtype).eps ** (1 / 3) * (1 + size) / np.where(norm > 0, norm, 1)
    return h.astype(w.dtype)


def curved(problem: Problem, rule: Optimizer) -> None:
    """Refuse a rule that asks for curvature of a problem that is not smooth."""
    if not problem.smooth:
        raise SettingError(
            f"'{rule.name}' asks for Hessian products, but '{problem.name}' is not smooth; choose another"
        )


def _column(values: Array) -> Array:
    """(R,) -> (R, 1), or (1, 1) where all runs have the same: then a power of it is computed once. Read-only."""
    column = values[:1, None] if (values == values[:1]).all() else values[:, None]
    column.flags.writeable = False
    return column


def rows(array: Array, mask: Array) -> Array:
    """The runs of ``mask``, laid out as before, read-only if they were."""
    kept = array[mask]
    if array.ndim == 2 and array.flags.f_contiguous:
        kept = np.asfortranarray(kept)
    kept.flags.writeable = array.flags.writeable
    return kept


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}"
    return type(value).__name__
