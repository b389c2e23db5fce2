"""The protocol of a comparison: independent replicates, each of them a whole experiment.

A replicate tunes every method by itself, on tuning seeds of its own, and evaluates what it chose on a fresh seed. In a
replicate every method on a problem gets the same number of trials: the rates of one grid, which is widened for all of
them once if the best rate of one lies on its boundary, then as many draws of everything that its search space declares,
near its best rate. A trial's score is the median over the tuning seeds of the final validation loss, or of the loss
where nothing is held out; a run that does not finish is infinitely bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import inf, isfinite

import numpy as np

from optibench.engine.records import LOST, Cohort, Known, Run, Settings, Status
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
class Replicate:
    """A whole experiment: the seeds on which it tunes, and the one on which it evaluates; no two share a seed."""

    seed: int
    tuning_seeds: range
    number: int = 0  # from 0

    def generators(self, search: str, count: int) -> list[np.random.Generator]:
        """One a trial of a search, "lr" or "all": the k-th trial of every method draws the same numbers."""
        first, second = stream(self.tuning_seeds[0], "tuning").spawn(2)
        return (first if search == "lr" else second).spawn(count)


@dataclass(frozen=True)
class Trial:
    """Settings that are tried, and their runs on the tuning seeds of a replicate."""

    settings: Settings
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Chosen:
    """What is evaluated: "default" settings, those with "lr" or "all" tuned, or as "given"; the trial that chose it."""

    tuning: str
    run: Run
    trial: Trial | None = None
    lr: float | None = None  # the rate, where several are given and each is a method of its own


@dataclass
class Search:
    """The trials of a method on a problem in one replicate, rates first, and what was chosen."""

    cell: Cell
    replicate: Replicate
    rates: list[Trial] = field(default_factory=list)
    draws: list[Trial] = field(default_factory=list)
    chosen: list[Chosen] = field(default_factory=list)
    on_boundary: bool = False  # whether the best rate lies at the end of a grid that was widened already

    def trial(self, settings: Settings) -> Trial:
        return Trial(settings, tuple(self.cell.run(settings, seed) for seed in self.replicate.tuning_seeds))

    def choice(self, tuning: str, settings: Settings, trial: Trial | None = None, lr: float | None = None) -> Chosen:
        """``settings`` that are compared."""
        return Chosen(tuning, self.cell.run(settings, self.replicate.seed, compared=self.replicate.number), trial, lr)

    def default(self, compared: list[Settings]) -> Chosen:
        """The defaults beside tuned settings: without instruments, unless they are the same run."""
        settings = self.cell.defaults
        if settings in compared:
            return self.choice("default", settings)
        return Chosen("default", self.cell.run(settings, self.replicate.seed))


class Protocol:
    """The stages of an experiment. ``known`` is filled, by run id, before the next stage is asked for."""

    def __init__(
        self, experiment: Experiment, cells: list[Cell], problems: list[Problem], known: Mapping[str, Known]
    ) -> None:
        self.experiment, self.cells, self.known = experiment, cells, known
        self.replicates = replicates(experiment)
        self.searches = [[Search(cell, replicate) for replicate in self.replicates] for cell in cells]  # cell by cell
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
        trials = 2.2 * (self.experiment.tune.draws or len(rates)) * self.experiment.tuning_seeds
        return len(self.cells) * (trials + 2.5) * self.experiment.seeds

    def stages(self) -> Iterator[tuple[str, list[Cohort]]]:
        """What each stage is about, and its cohorts."""
        if self.experiment.tunes:
            yield "tuning the learning rate", self._tune(self._first_rates)
            if self.experiment.tune.draws is None:
                wider = self._wider()
                if wider:
                    yield "widening the grid", self._tune(lambda search: wider.get(_place(search), []))
                for search in self._every():
                    search.on_boundary = self._at_boundary(search)
            yield "tuning all hyperparameters", self._draw()
        self._choose()
        self.targets += self._reference_targets()
        yield "evaluating", self._evaluate()

    def _every(self) -> Iterator[Search]:
        return (search for searches in self.searches for search in searches)

    def _cohorts(self, runs: Callable[[Search], Iterable[Run]]) -> list[Cohort]:
        """The cohorts of what is run next; the replicates of a cell are trained together."""
        cohorts = []
        for cell, searches in zip(self.cells, self.searches, strict=True):
            cohorts += cell.cohorts(run for search in searches for run in runs(search))
        self.ids += [run.id for cohort in cohorts for run in cohort.runs]
        return cohorts

    def _first_rates(self, search: Search) -> list[float]:
        if self.experiment.tune.draws is None:
            return list(self.experiment.lr)
        low, high = self.experiment.lr[0], self.experiment.lr[-1]
        generators = search.replicate.generators("lr", self.experiment.tune.draws)
        return sorted(_rounded(low * (high / low) ** rng.uniform()) for rng in generators)

    def _tune(self, rates: Callable[[Search], list[float]]) -> list[Cohort]:
        """Trials of more rates; a rule without a rate has one trial, its default."""
        new: dict[int, list[Trial]] = {}
        for search in self._every():
            defaults = search.cell.defaults
            low, high = search.cell.rule.ranges.get("lr", (0.0, inf))
            settings: list[Settings] = [] if search.rates else [defaults]
            if "lr" in defaults:
                settings = [{**defaults, "lr": lr} for lr in rates(search) if low <= lr < high]
            new[id(search)] = [search.trial(one) for one in settings]
            search.rates = sorted(search.rates + new[id(search)], key=lambda trial: trial.settings.get("lr", 0.0))
        return self._cohorts(lambda search: (run for trial in new[id(search)] for run in trial.runs))

    def _wider(self) -> dict[tuple[str, int], list[float]]:
        """The rates that a grid lacks, by problem and replicate: beyond the boundary where some best rate lies."""
        wider: dict[tuple[str, int], list[float]] = {}
        for search in self._every():
            if self._at_boundary(search):
                rates = [trial.settings["lr"] for trial in search.rates]
                best = self._best(search.rates).settings["lr"]
                end, before = (rates[0], rates[1]) if best == rates[0] else (rates[-1], rates[-2])
                more = [_rounded(end * (end / before) ** step) for step in range(1, WIDER + 1)]
                wider[_place(search)] = sorted({*wider.get(_place(search), []), *more})
        return wider

    def _at_boundary(self, search: Search) -> bool:
        """Whether the best rate is the first or the last, of several, unless none was ever usable."""
        rates = search.rates
        if len(rates) < 2 or "lr" not in rates[0].settings:
            return False
        if all(known.status == Status.FAILED for trial in rates for known in self._of(trial)):
            return False
        return self._best(rates) in (rates[0], rates[-1])

    def _draw(self) -> list[Cohort]:
        """As many trials again, of everything, near the best rate; what the experiment fixes stays."""
        for search in self._every():
            search.draws = [search.trial(settings) for settings in self._drawn(search)]
        return self._cohorts(lambda search: (run for trial in search.draws for run in trial.runs))

    def _drawn(self, search: Search) -> Iterator[Settings]:
        cell, best = search.cell, self._best(search.rates).settings
        free = {name: span for name, span in sorted(cell.rule.space.items()) if name in best and name != "lr"}
        free = {name: span for name, span in free.items() if name not in cell.fixed}
        if not free and "lr" not in best:
            return
        for rng in search.replicate.generators("all", self.experiment.tune.draws or len(self.experiment.lr)):
            near = NEAR ** rng.uniform(-1, 1)  # the same for every method
            drawn = {name: _rounded(between(*span, rng.uniform())) for name, span in free.items()}
            yield {**best, **drawn, **({"lr": _rounded(best["lr"] * near)} if "lr" in best else {})}

    def _choose(self) -> None:
        rates = self.experiment.lr
        for search in self._every():
            defaults = search.cell.defaults
            if self.experiment.tunes:
                best = {"lr": self._best(search.rates), "all": self._best(search.rates + search.draws)}
                search.chosen = [
                    search.default([trial.settings for trial in best.values()]),
                    *(search.choice(tuning, trial.settings, trial) for tuning, trial in best.items()),
                ]
            elif rates and "lr" in defaults:
                several = len(rates) > 1
                search.chosen = [
                    search.choice("given", {**defaults, "lr": lr}, lr=lr if several else None) for lr in rates
                ]
            else:
                search.chosen = [search.choice("given" if rates else "default", defaults)]

    def _evaluate(self) -> list[Cohort]:
        return self._cohorts(lambda search: (chosen.run for chosen in search.chosen))

    def _of(self, trial: Trial) -> list[Known]:
        return [self.known.get(run.id, LOST) for run in trial.runs]

    def _score(self, trial: Trial) -> float:
        return median(known.score if known.status == Status.FINISHED else inf for known in self._of(trial))

    def _best(self, trials: list[Trial]) -> Trial:
        """The trial with the lowest score; of equals the first."""
        return min(trials, key=self._score)

    def _known_targets(self, problem_label: str, problem: Problem) -> Iterator[Facts]:
        """f* + epsilon (f0 - f*), f0 the median loss at the starts of the evaluation seeds."""
        if problem.minimum is None:
            return
        starts = np.array([problem.start(stream(one.seed, "start")) for one in self.replicates], float)
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
        candidates: dict[str, list[list[Search]]] = {}
        for searches in self.searches:
            cell = searches[0].cell
            if cell.problem_label not in done and "lr" in cell.defaults:
                candidates.setdefault(cell.problem_label, []).append(searches)
        for problem_label, several in candidates.items():
            named = [one for one in several if one[0].cell.cohort.label == self.experiment.reference]
            reference = (named or several)[0]
            best = [self._best(search.rates) for search in reference]
            ends = [known.end if known.status == Status.FINISHED else inf for one in best for known in self._of(one)]
            method = reference[0].cell.method
            text = f"median of {method} with its learning rate tuned, on the {len(ends)} tuning seeds"
            if isfinite(median(ends)):
                yield {"problem": problem_label, "target": median(ends), "epsilon": None, "provenance": text}

    def boundaries(self) -> list[str]:
        """One line for each method whose best rate lies at the end of a widened grid in half of the replicates."""
        lines = []
        for cell, searches in zip(self.cells, self.searches, strict=True):
            count = sum(search.on_boundary for search in searches)
            if 2 * count >= len(searches):
                lines.append(
                    f"{cell.method} on {cell.problem_label}: in {count} of {len(searches)} replicates its best "
                    "learning rate is on the boundary of the widened grid; a better one may lie beyond: widen --lr"
                )
        return lines

    def facts(self) -> Facts:
        """What a reader of the results needs to know, as JSON has it."""
        pairs = [*zip(self.cells, self.searches, strict=True)]
        return {
            "compare": self.experiment.compare,
            "rows": [row for cell, searches in pairs for row in self._rows(cell, searches)],
            "trials": [trials for cell, searches in pairs for trials in _trials(cell, searches)],
            "targets": self.targets,
            "contains": self._contained(),
        }

    def _rows(self, cell: Cell, searches: list[Search]) -> Iterator[Facts]:
        """One for each way that a method is shown: at its default, with its rate tuned, with everything tuned."""
        for choices in zip(*(search.chosen for search in searches), strict=True):
            tuning, lr = choices[0].tuning, choices[0].lr
            method = cell.method
            if lr is not None:
                method += f"{',' if ':' in method else ':'}lr={lr:g}"
            row: Facts = {
                "problem": cell.problem_label,
                "optimizer": method,
                "tuning": tuning,
                "trials": 0,
                "runs": [chosen.run.id for chosen in choices],
            }
            if tuning in ("lr", "all"):
                counts = [len(search.rates) + (tuning == "all") * len(search.draws) for search in searches]
                row["trials"] = max(counts)
                row["scores"] = [_finite(self._score(chosen.trial)) for chosen in choices if chosen.trial]
                row["on_boundary"] = sum(search.on_boundary for search in searches) if tuning == "lr" else 0
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


def replicates(experiment: Experiment) -> list[Replicate]:
    """One for each evaluation seed; its tuning seeds are those from TUNING on that no other has."""
    first, count = experiment.first_seed, experiment.tuning_seeds
    seeds = range(first, first + experiment.seeds)
    return [
        Replicate(seed, range(TUNING + seed * count, TUNING + (seed + 1) * count), number)
        for number, seed in enumerate(seeds)
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


def _place(search: Search) -> tuple[str, int]:
    return search.cell.problem_label, search.replicate.seed


def _trials(cell: Cell, searches: list[Search]) -> Iterator[Facts]:
    """The ids of a method's trials: by replicate, by trial, by tuning seed."""
    for name, lists in (("lr", [one.rates for one in searches]), ("all", [one.draws for one in searches])):
        if any(lists):
            ids = [[[run.id for run in trial.runs] for trial in trials] for trials in lists]
            yield {"problem": cell.problem_label, "optimizer": cell.method, "search": name, "runs": ids}


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _finite(score: float) -> float | None:
    """A score as JSON has it: none for a trial that did not finish."""
    return score if isfinite(score) else None
