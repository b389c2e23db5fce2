"""The protocol of a comparison: what is tuned on which seeds, which trial is chosen, what is evaluated on other seeds.

Every method on a problem gets the same number of trials: the rates of one grid, which is widened for all of them once
if the best rate of one lies on its boundary, then as many draws of everything that its search space declares, near its
best rate. Tuning minimises the median over the tuning seeds of the final validation loss, or of the loss where nothing
is held out; a run that does not finish is infinitely bad. What is reported comes from fresh seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf, isfinite

import numpy as np

from optibench.engine.records import LOST, Cohort, Known, Settings
from optibench.engine.streams import stream
from optibench.experiment.plan import Cell
from optibench.experiment.settings import TUNING, Experiment
from optibench.plugin.problem import Problem
from optibench.plugin.types import Facts

#: Points that a grid is widened by, on the side where it was too narrow.
WIDER = 2
#: Everything is drawn within this factor of the best rate, to either side.
NEAR = 10**0.5
#: Targets where the minimum f* is known: f* + epsilon times the gap at the start.
EPSILONS = (1e-1, 1e-2, 1e-3, 1e-5)


@dataclass(frozen=True)
class Chosen:
    """Settings that are evaluated: at their "default", with "lr" or "all" tuned, or as "given"."""

    tuning: str
    settings: Settings
    lr: float | None = None  # the rate, where several are given and each is a method of its own


@dataclass
class Trials:
    """The settings that are tried for a cell, rates first, and those that are chosen."""

    cell: Cell
    rates: list[Settings] = field(default_factory=list)
    draws: list[Settings] = field(default_factory=list)
    chosen: list[Chosen] = field(default_factory=list)
    edge: bool = False

    @property
    def best_rate(self) -> Settings:
        """The settings that were chosen with the learning rate tuned."""
        return next(chosen.settings for chosen in self.chosen if chosen.tuning == "lr")


class Protocol:
    """The stages of an experiment. ``known`` is filled, by run id, before the next stage is asked for."""

    def __init__(
        self, experiment: Experiment, cells: list[Cell], problems: list[Problem], known: Mapping[str, Known]
    ) -> None:
        self.experiment, self.cells, self.known = experiment, cells, known
        self.trials = [Trials(cell) for cell in cells]
        self.tuning_seeds = range(TUNING, TUNING + experiment.tuning_seeds)
        first = {cell.problem_label: problem for cell, problem in reversed([*zip(cells, problems, strict=True)])}
        labels = dict.fromkeys(cell.problem_label for cell in cells)
        self.targets = [target for label in labels for target in self._known_targets(label, first[label])]
        self.ids: list[str] = []

    @property
    def expected(self) -> float:
        """About how many runs there will be."""
        rates = self.experiment.lr
        if not self.experiment.tunes:
            return len(self.cells) * max(len(rates), 1) * self.experiment.seeds
        tuned = 2 * (self.experiment.tune.draws or len(rates)) * len(self.tuning_seeds)
        return len(self.cells) * (tuned + 2.5 * self.experiment.seeds)

    def stages(self) -> Iterator[tuple[str, list[Cohort]]]:
        """What each stage is about, and its cohorts."""
        if self.experiment.tunes:
            yield "tuning the learning rate", self._tune(self._first_rates)
            if self.experiment.tune.draws is None:
                wider = self._wider()
                if wider:
                    yield "widening the grid", self._tune(lambda cell: wider.get(cell.problem_label, []))
                for trials in self.trials:
                    trials.edge = self._at_edge(trials)
            yield "tuning all hyperparameters", self._draw()
        self._choose()
        self.targets += self._reference_targets()
        yield "reporting", self._evaluate()

    def _first_rates(self, cell: Cell) -> list[float]:
        if self.experiment.tune.draws is None:
            return list(self.experiment.lr)
        low, high = self.experiment.lr[0], self.experiment.lr[-1]
        return sorted(_rounded(low * (high / low) ** rng.uniform()) for rng in _streams(self.experiment.tune.draws))

    def _tune(self, rates: Callable[[Cell], list[float]]) -> list[Cohort]:
        """Trials of more rates; a rule without a rate has one trial, its default."""
        cohorts = []
        for trials in self.trials:
            defaults = trials.cell.defaults
            low, high = trials.cell.rule.ranges.get("lr", (0.0, inf))
            new: list[Settings] = [] if trials.rates else [defaults]
            if "lr" in defaults:
                new = [{**defaults, "lr": lr} for lr in rates(trials.cell) if low <= lr < high]
            trials.rates = sorted(trials.rates + new, key=lambda settings: settings.get("lr", 0.0))
            cohorts += trials.cell.cohorts(new, self.tuning_seeds)
        return self._noted(cohorts)

    def _wider(self) -> dict[str, list[float]]:
        """The rates that a grid lacks, by problem: beyond the boundary where the best rate of a method lies."""
        wider: dict[str, list[float]] = {}
        for trials in self.trials:
            if self._at_edge(trials):
                rates = [settings["lr"] for settings in trials.rates]
                best = self._best(trials.rates, trials.cell)["lr"]
                end, before = (rates[0], rates[1]) if best == rates[0] else (rates[-1], rates[-2])
                more = [_rounded(end * (end / before) ** step) for step in range(1, WIDER + 1)]
                problem = trials.cell.problem_label
                wider[problem] = sorted({*wider.get(problem, []), *more})
        return wider

    def _at_edge(self, trials: Trials) -> bool:
        """Whether the best rate is the first or the last, of several, unless none was ever usable."""
        rates, cell = trials.rates, trials.cell
        if len(rates) < 2 or "lr" not in rates[0]:
            return False
        if all(known.status == "failed" for trial in rates for known in self._known_runs(cell, trial)):
            return False
        return self._best(rates, cell)["lr"] in (rates[0]["lr"], rates[-1]["lr"])

    def _draw(self) -> list[Cohort]:
        """As many trials again, of everything, near the best rate; what the experiment fixes stays."""
        cohorts = []
        for trials in self.trials:
            trials.draws = list(self._drawn(trials))
            cohorts += trials.cell.cohorts(trials.draws, self.tuning_seeds)
        return self._noted(cohorts)

    def _drawn(self, trials: Trials) -> Iterator[Settings]:
        cell, best = trials.cell, self._best(trials.rates, trials.cell)
        free = {name: span for name, span in sorted(cell.rule.space.items()) if name in best and name != "lr"}
        free = {name: span for name, span in free.items() if name not in cell.fixed}
        if not free and "lr" not in best:
            return
        for rng in _streams(self.experiment.tune.draws or len(self.experiment.lr)):
            near = NEAR ** rng.uniform(-1, 1)  # the same for every method
            drawn = {name: _rounded(between(*span, rng.uniform())) for name, span in free.items()}
            yield {**best, **drawn, **({"lr": _rounded(best["lr"] * near)} if "lr" in best else {})}

    def _choose(self) -> None:
        rates = self.experiment.lr
        for trials in self.trials:
            cell, defaults = trials.cell, trials.cell.defaults
            if self.experiment.tunes:
                trials.chosen = [
                    Chosen("default", defaults),
                    Chosen("lr", self._best(trials.rates, cell)),
                    Chosen("all", self._best(trials.rates + trials.draws, cell)),
                ]
            elif rates and "lr" in defaults:
                several = len(rates) > 1
                trials.chosen = [Chosen("given", {**defaults, "lr": lr}, lr if several else None) for lr in rates]
            else:
                trials.chosen = [Chosen("given" if rates else "default", defaults)]

    def _evaluate(self) -> list[Cohort]:
        cohorts = []
        for trials in self.trials:
            unique = {str(sorted(chosen.settings.items())): chosen.settings for chosen in trials.chosen}
            cohorts += trials.cell.cohorts(unique.values(), range(self.experiment.seeds))
        return self._noted(cohorts)

    def _noted(self, cohorts: list[Cohort]) -> list[Cohort]:
        self.ids += [run.id for cohort in cohorts for run in cohort.runs]
        return cohorts

    def _known_runs(self, cell: Cell, trial: Settings) -> list[Known]:
        return [self.known.get(cell.run(trial, seed).id, LOST) for seed in self.tuning_seeds]

    def _score(self, cell: Cell, trial: Settings) -> float:
        return median(known.score if known.status == "finished" else inf for known in self._known_runs(cell, trial))

    def _best(self, trials: list[Settings], cell: Cell) -> Settings:
        """The trial with the lowest score; of equals the first."""
        return min(trials, key=lambda trial: self._score(cell, trial))

    def _known_targets(self, problem_label: str, problem: Problem) -> Iterator[Facts]:
        """f* + epsilon (f0 - f*), f0 the median loss at the starts of the evaluation seeds."""
        if problem.minimum is None:
            return
        starts = np.array([problem.start(stream(seed, "start")) for seed in range(self.experiment.seeds)], float)
        with np.errstate(all="ignore"):
            f0 = float(np.median(problem.loss(starts, *(array[None] for array in problem.train))))
        if not f0 > problem.minimum or not isfinite(f0):
            return
        for epsilon in EPSILONS:
            text = (
                f"f* + {epsilon:g} (f0 - f*): f* = {problem.minimum:.6g}, f0 = {f0:.6g}, the median loss at the start"
            )
            value = problem.minimum + epsilon * (f0 - problem.minimum)
            yield {"problem": problem_label, "target": value, "epsilon": epsilon, "provenance": text}

    def _reference_targets(self) -> Iterator[Facts]:
        """Where no minimum is known: what the tuned reference reaches on its tuning seeds, at the end of its curves."""
        if not self.experiment.tunes:
            return
        done = {target["problem"] for target in self.targets}
        candidates: dict[str, list[Trials]] = {}
        for trials in self.trials:
            if trials.cell.problem_label not in done and "lr" in trials.cell.defaults:
                candidates.setdefault(trials.cell.problem_label, []).append(trials)
        for problem_label, several in candidates.items():
            named = [trials for trials in several if trials.cell.cohort.label == self.experiment.reference]
            reference = (named or several)[0]
            cell = reference.cell
            ends = [
                known.end if known.status == "finished" else inf
                for known in self._known_runs(cell, reference.best_rate)
            ]
            text = f"median of {cell.method} with its learning rate tuned, on the {len(ends)} tuning seeds"
            if isfinite(median(ends)):
                yield {"problem": problem_label, "target": median(ends), "epsilon": None, "provenance": text}

    def edges(self) -> list[str]:
        """One line for each best rate on the boundary of a grid that was widened once already."""
        return [
            f"{trials.cell.method} on {trials.cell.problem_label}: its best learning rate, "
            f"{trials.best_rate['lr']:g}, is on the grid boundary even after the grid was widened; a better one may "
            "lie beyond: widen --lr"
            for trials in self.trials
            if trials.edge
        ]

    def facts(self) -> Facts:
        """What a reader of the results needs to know, as JSON has it."""
        return {
            "compare": self.experiment.compare,
            "rows": [row for trials in self.trials for row in self._rows(trials)],
            "trials": [trial for trials in self.trials for trial in self._trial_facts(trials)],
            "targets": self.targets,
            "contains": self._contained(),
        }

    def _trial_facts(self, trials: Trials) -> Iterator[Facts]:
        cell = trials.cell
        for search, tried in (("lr", trials.rates), ("all", trials.draws)):
            for settings in tried:
                yield {
                    "problem": cell.problem_label,
                    "optimizer": cell.method,
                    "search": search,
                    "settings": settings,
                    "score": _finite(self._score(cell, settings)),
                    "runs": [cell.run(settings, seed).id for seed in self.tuning_seeds],
                }

    def _rows(self, trials: Trials) -> Iterator[Facts]:
        """One for each way that a method is shown: at its default, with its rate tuned, with everything tuned."""
        cell = trials.cell
        counts = {"lr": len(trials.rates), "all": len(trials.rates) + len(trials.draws)}
        for chosen in trials.chosen:
            method = cell.method
            if chosen.lr is not None:
                method += f"{',' if ':' in method else ':'}lr={chosen.lr:g}"
            row: Facts = {
                "problem": cell.problem_label,
                "optimizer": method,
                "tuning": chosen.tuning,
                "settings": chosen.settings,
                "trials": counts.get(chosen.tuning, 0),
                "runs": [cell.run(chosen.settings, seed).id for seed in range(self.experiment.seeds)],
            }
            if chosen.tuning in counts:
                row["score"] = _finite(self._score(cell, chosen.settings))
                row["edge"] = trials.edge and chosen.tuning == "lr"
            yield row

    def _contained(self) -> list[list[str]]:
        """Problem, general rule, special case: methods of which one is the other at certain settings and batches."""
        return [
            [general.problem_label, general.method, special.method]
            for general, special in product(self.cells, repeat=2)
            if general.problem_label == special.problem_label
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
    """A stream a trial: the k-th trial of every method draws the same numbers."""
    return [stream(TUNING + trial, "tuning") for trial in range(count)]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _finite(score: float) -> float | None:
    """A score as JSON has it: none for a trial that did not finish."""
    return score if isfinite(score) else None
