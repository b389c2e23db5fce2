"""The protocol of a comparison: what is tuned on which seeds, which trial is chosen, what is reported on other seeds.

Every contender on a problem gets the same number of trials: the rates of one grid, which is widened for all of them
once if the best rate of one lies at its end, then as many draws of everything that its search space declares, near its
best rate. Tuning minimises the median over the tuning seeds of the final validation loss, or of the loss where nothing
is held out; a run that does not finish is infinitely bad. What is reported comes from fresh seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf, isfinite
from typing import Any

import numpy as np

from optibench.engine.records import LOST, Cohort, Known, Settings
from optibench.engine.streams import stream
from optibench.experiment.plan import Cell
from optibench.experiment.settings import TUNING, Experiment
from optibench.plugin.problem import Problem

#: Points that a grid is widened by, on the side where it was too narrow.
WIDER = 2
#: Everything is drawn within this factor of the best rate, to either side.
NEAR = 10**0.5
#: Targets where the minimum f* is known: f* + epsilon times the gap at the start.
EPSILONS = (1e-1, 1e-2, 1e-3, 1e-5)


@dataclass
class Trials:
    """The settings that were tried for a cell, rates first, and what was chosen."""

    cell: Cell
    rates: list[Settings] = field(default_factory=list)
    draws: list[Settings] = field(default_factory=list)
    chosen: dict[str, Settings] = field(default_factory=dict)  # column -> settings
    edge: bool = False


class Protocol:
    """The stages of an experiment. ``known`` is filled, by run id, before the next stage is asked for."""

    def __init__(self, what: Experiment, cells: list[Cell], problems: list[Problem], known: Mapping[str, Known]):
        self.what, self.cells, self.known = what, cells, known
        self.tried = [Trials(cell) for cell in cells]
        self.tuning = range(TUNING, TUNING + what.tuning_seeds)
        self.targets = [
            target for cell, problem in _places(cells, problems) for target in self._known_targets(cell, problem)
        ]
        self.ids: list[str] = []

    @property
    def expected(self) -> float:
        """About how many runs there will be."""
        trials = 2 * (self.what.draws or len(self.what.lr)) * len(self.tuning) if self.what.tunes else 0
        reported = 2.5 if self.what.tunes else max(len(self.what.lr), 1)
        return len(self.cells) * (trials + reported * self.what.seeds)

    def stages(self) -> Iterator[tuple[str, list[Cohort]]]:
        """What each stage is about, and its cohorts."""
        if self.what.tunes:
            yield "tuning the rate", self._tune(self._first_rates)
            if self.what.draws is None:
                wider = self._wider()
                if wider:
                    yield "widening the grid", self._tune(lambda one: wider.get(one.cell.place, []))
            for one in self.tried:
                one.edge = self.what.draws is None and self._at_edge(one)
            yield "tuning everything", self._draw()
        self._choose()
        self.targets += self._reference_targets()
        yield "reporting", self._report()

    def _first_rates(self, one: Trials) -> list[float]:
        if self.what.draws is None:
            return list(self.what.lr)
        low, high = self.what.lr[0], self.what.lr[-1]
        return sorted(_rounded(low * (high / low) ** rng.uniform()) for rng in _streams(self.what.draws))

    def _tune(self, rates: Any) -> list[Cohort]:
        """Trials of more rates; a rule without a rate has one trial, its default."""
        cohorts = []
        for one in self.tried:
            defaults = one.cell.defaults
            low, high = one.cell.rule.ranges.get("lr", (0.0, inf))
            if "lr" in defaults:
                new: list[Settings] = [{**defaults, "lr": lr} for lr in rates(one) if low <= lr < high]
            else:
                new = [] if one.rates else [defaults]
            one.rates = sorted(one.rates + new, key=lambda settings: settings.get("lr", 0.0))
            cohorts += one.cell.cohorts(new, self.tuning)
        return self._noted(cohorts)

    def _wider(self) -> dict[str, list[float]]:
        """The rates that a grid lacks, by problem: beyond the end where the best rate of one of its contenders lies."""
        wider: dict[str, list[float]] = {}
        for one in self.tried:
            if self._at_edge(one):
                rates, best = [settings["lr"] for settings in one.rates], self._best(one.rates, one.cell)["lr"]
                end, before = (rates[0], rates[1]) if best == rates[0] else (rates[-1], rates[-2])
                more = [_rounded(end * (end / before) ** step) for step in range(1, WIDER + 1)]
                wider[one.cell.place] = sorted({*wider.get(one.cell.place, []), *more})
        return wider

    def _at_edge(self, one: Trials) -> bool:
        """Whether the best rate is the first or the last, of several, unless none was ever usable."""
        if len(one.rates) < 2 or "lr" not in one.rates[0]:
            return False
        if all(known.status == "failed" for trial in one.rates for known in self._of(one.cell, trial)):
            return False
        return self._best(one.rates, one.cell)["lr"] in (one.rates[0]["lr"], one.rates[-1]["lr"])

    def _draw(self) -> list[Cohort]:
        """As many trials again, of everything, near the best rate; what the experiment fixes stays."""
        cohorts = []
        for one in self.tried:
            one.draws = list(self._drawn(one))
            cohorts += one.cell.cohorts(one.draws, self.tuning)
        return self._noted(cohorts)

    def _drawn(self, one: Trials) -> Iterator[Settings]:
        best = self._best(one.rates, one.cell)
        free = {name: span for name, span in sorted(one.cell.rule.space.items()) if name in best and name != "lr"}
        free = {name: span for name, span in free.items() if name not in one.cell.chosen}
        if not free and "lr" not in best:
            return
        for rng in _streams(self.what.draws or len(self.what.lr)):
            near = NEAR ** rng.uniform(-1, 1)  # the same for every contender
            drawn = {name: _rounded(between(*span, rng.uniform())) for name, span in free.items()}
            yield {**best, **drawn, **({"lr": _rounded(best["lr"] * near)} if "lr" in best else {})}

    def _choose(self) -> None:
        for one in self.tried:
            defaults = one.cell.defaults
            if self.what.tunes:
                one.chosen = {
                    "default": defaults,
                    "lr": self._best(one.rates, one.cell),
                    "all": self._best(one.rates + one.draws, one.cell),
                }
            elif self.what.lr and "lr" in defaults:
                one.chosen = {f"given {lr}": {**defaults, "lr": lr} for lr in self.what.lr}
            else:
                one.chosen = {"given" if self.what.lr else "default": defaults}

    def _report(self) -> list[Cohort]:
        cohorts = []
        for one in self.tried:
            unique = {str(sorted(settings.items())): settings for settings in one.chosen.values()}
            cohorts += one.cell.cohorts(unique.values(), range(self.what.seeds))
        return self._noted(cohorts)

    def _noted(self, cohorts: list[Cohort]) -> list[Cohort]:
        self.ids += [run.id for cohort in cohorts for run in cohort.runs]
        return cohorts

    def _of(self, cell: Cell, trial: Settings) -> list[Known]:
        return [self.known.get(cell.run(trial, seed).id, LOST) for seed in self.tuning]

    def _score(self, cell: Cell, trial: Settings) -> float:
        return median(known.score if known.status == "finished" else inf for known in self._of(cell, trial))

    def _best(self, trials: list[Settings], cell: Cell) -> Settings:
        """The trial with the lowest score; of equals the first."""
        return min(trials, key=lambda trial: self._score(cell, trial))

    def _known_targets(self, cell: Cell, problem: Problem) -> Iterator[dict[str, Any]]:
        """f* + epsilon (f0 - f*), f0 the median loss at the starts of the reporting seeds."""
        if problem.minimum is None:
            return
        starts = np.array([problem.start(stream(seed, "start")) for seed in range(self.what.seeds)], float)
        with np.errstate(all="ignore"):
            f0 = float(np.median(problem.loss(starts, *(array[None] for array in problem.train))))
        if not f0 > problem.minimum or not isfinite(f0):
            return
        for epsilon in EPSILONS:
            text = (
                f"f* + {epsilon:g} (f0 - f*): f* = {problem.minimum:.6g}, f0 = {f0:.6g}, the median loss at the start"
            )
            value = problem.minimum + epsilon * (f0 - problem.minimum)
            yield {"problem": cell.place, "target": value, "epsilon": epsilon, "provenance": text}

    def _reference_targets(self) -> Iterator[dict[str, Any]]:
        """Where no minimum is known: what the tuned reference reaches on its tuning seeds, at the end of its curves."""
        told = {target["problem"] for target in self.targets}
        if not self.what.tunes:
            return
        for place in dict.fromkeys(one.cell.place for one in self.tried):
            every = [one for one in self.tried if one.cell.place == place and "lr" in one.cell.defaults]
            if place in told or not every:
                continue
            asked = [one for one in every if one.cell.cohort.label == self.what.reference]
            one = (asked or every)[0]
            ends = [known.end if known.status == "finished" else inf for known in self._of(one.cell, one.chosen["lr"])]
            text = f"median of {one.cell.name} with its rate tuned, on the {len(ends)} tuning seeds"
            if isfinite(median(ends)):
                yield {"problem": place, "target": median(ends), "epsilon": None, "provenance": text}

    def edges(self) -> list[str]:
        """One line for each best rate at the end of a grid that was widened once already."""
        return [
            f"{one.cell.name} on {one.cell.place}: its best rate, {one.chosen['lr']['lr']:g}, is at the edge of the "
            "grid even after that was widened; a better one may lie beyond: widen --lr"
            for one in self.tried
            if one.edge
        ]

    def facts(self) -> dict[str, Any]:
        """What a reader of the results needs to know, as JSON has it."""
        return {
            "compare": self.what.compare,
            "rows": [row for one in self.tried for row in self._rows(one)],
            "trials": [trial for one in self.tried for trial in self._trials(one)],
            "targets": self.targets,
            "contains": self._contained(),
        }

    def _trials(self, one: Trials) -> Iterator[dict[str, Any]]:
        for search, every in (("lr", one.rates), ("all", one.draws)):
            for settings in every:
                ids = [one.cell.run(settings, seed).id for seed in self.tuning]
                told = {"search": search, "settings": settings, "score": _told(self._score(one.cell, settings))}
                yield {**_where(one.cell), **told, "runs": ids}

    def _rows(self, one: Trials) -> Iterator[dict[str, Any]]:
        """One for each way that a contender is shown: at its default, with its rate tuned, with everything tuned."""
        trials = {"lr": len(one.rates), "all": len(one.rates) + len(one.draws)}
        for column, settings in one.chosen.items():
            tuning, _, lr = column.partition(" ")
            row = {**_where(one.cell), "tuning": tuning, "settings": settings, "trials": trials.get(tuning, 0)}
            row["runs"] = [one.cell.run(settings, seed).id for seed in range(self.what.seeds)]
            if lr and len(one.chosen) > 1:  # nothing chooses between rates, so each is a contender
                row["optimizer"] = f"{one.cell.name}{',' if ':' in one.cell.name else ':'}lr={float(lr):g}"
            if tuning in trials:
                row["score"] = _told(self._score(one.cell, settings))
                row["edge"] = one.edge and tuning == "lr"
            yield row

    def _contained(self) -> list[list[str]]:
        """Problem, general rule, special case: contenders of which one is the other at certain settings and batches."""
        return [
            [general.place, general.name, special.name]
            for general, special in product(self.cells, repeat=2)
            if general.place == special.place
            and general.cohort.batch == special.cohort.batch
            and special.rule.name in general.rule.contains
        ]


def median(values: Iterable[float]) -> float:
    """The lower median, a value that is there: no average with infinity."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def between(low: float, high: float, scale: str, share: float) -> float:
    """The point of a search space at this share of the way."""
    if scale == "log":
        return low * (high / low) ** share
    if scale == "linear":
        return low + (high - low) * share
    return 1 - (1 - low) * ((1 - high) / (1 - low)) ** share


def _streams(count: int) -> list[np.random.Generator]:
    """A stream a trial: the k-th trial of every contender draws the same numbers."""
    return [stream(TUNING + trial, "tuning") for trial in range(count)]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _told(score: float) -> float | None:
    """A score as JSON has it: none for a trial that did not finish."""
    return score if isfinite(score) else None


def _where(cell: Cell) -> dict[str, Any]:
    return {"problem": cell.place, "optimizer": cell.name}


def _places(cells: list[Cell], problems: list[Problem]) -> Iterator[tuple[Cell, Problem]]:
    """The first cell of every place, with its problem."""
    seen = set()
    for cell, problem in zip(cells, problems, strict=True):
        if cell.place not in seen:
            seen.add(cell.place)
            yield cell, problem
