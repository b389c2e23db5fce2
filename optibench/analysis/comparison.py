"""What is compared: scores of methods on problems in common replicates; what could not be compared is stated.

A method is an optimizer, or a level of the factor that is compared. A score is the final test loss, or the loss where
nothing is held out, and infinite for a run that did not finish: lower is better, and a run that diverged is last. The
column ``seed`` is the replicate: methods are paired in it, and replicates are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optibench.analysis.stats.adjust import replicates_needed
from optibench.analysis.stats.claims import Claims, Tests, claims
from optibench.analysis.words import count, listing
from optibench.errors import UnknownName
from optibench.experiment.settings import FACTORS
from optibench.plugin.types import Array
from optibench.stored import Stored

#: How a method's hyperparameters were chosen, and the words for it.
TUNINGS = {
    "lr": "learning rate tuned",
    "all": "all hyperparameters tuned",
    "default": "declared default",
    "given": "as given",
    "best": "best learning rate on the seeds that are shown",
}
#: What a run's numbers may depend on besides its settings: columns of the environment that it ran in.
ENVIRONMENT = ("python", "numpy", "blas", "processor")
#: Columns that say why a metric has no value are called so, with the metric's name behind.
UNMEASURED = "unmeasured:"

#: Of a column the values that are wanted: one, several, or all.
Names = str | Iterable[str] | None
Seeds = int | Iterable[int] | None
Values = tuple[Hashable, ...] | None
#: Two names: a problem and a method, or two methods.
Pair = tuple[str, str]


class Filters(TypedDict, total=False):
    """What every analysis can be restricted to: a name or a list of names; ``tuning`` is lr, all, default or given."""

    tuning: str | None
    problem: Names
    optimizer: Names
    seed: Seeds


@dataclass(frozen=True)
class Comparison:
    """``rows``: one a run, with problem, optimizer (the method), seed and score; ``factor``: what is compared."""

    rows: pd.DataFrame
    factor: str = "optimizer"
    tuning: str = "lr"
    caveats: list[str] = field(default_factory=list)
    made: dict[tuple[Hashable, ...], pd.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )  # frames that others made of it

    @cached_property
    def methods(self) -> list[str]:
        return sorted(self.rows["optimizer"].unique())

    @cached_property
    def problems(self) -> list[str]:
        """All problems that have a run."""
        return sorted(self.rows["problem"].unique())

    @cached_property
    def complete(self) -> list[str]:
        """The problems that every method has runs on: those that ranks over problems can use."""
        counts = self.rows.groupby("problem")["optimizer"].nunique()
        return [name for name in self.problems if counts[name] == len(self.methods)]

    @cached_property
    def blocks(self) -> dict[str, Array]:
        """Scores on every complete problem at the seeds that all methods have, (seeds, methods)."""
        return {name: self.table(name).dropna().to_numpy(float) for name in self.complete}  # (S, k)

    def table(self, problem: str) -> pd.DataFrame:
        """Scores on a problem, seeds by methods, NaN where a method has no run at a seed."""
        return self._tables[problem]

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        whole = self.rows.set_index(["problem", "seed", "optimizer"])["score"].unstack("optimizer")
        tables = whole.groupby(level="problem")
        return {str(name): table.droplevel("problem").dropna(axis=1, how="all") for name, table in tables}

    def pair(self, problem: str, a: str, b: str) -> tuple[Array, Array]:
        """The scores of two methods at the seeds that both have, (S,) each; none where one is missing."""
        both = self.scores(problem)[:, [self.methods.index(a), self.methods.index(b)]]
        both = both[~np.isnan(both).any(axis=1)]
        return both[:, 0], both[:, 1]

    def scores(self, problem: str) -> Array:
        """Scores on a problem, (replicates, methods), NaN where a method has no run in a replicate."""
        return self._scores[problem]

    @cached_property
    def _scores(self) -> dict[str, Array]:
        return {name: self.table(name).reindex(columns=self.methods).to_numpy(float) for name in self._tables}

    @cached_property
    def whole(self) -> Array:
        """Scores on all complete problems in the replicates that all methods have on all of them, (problems, n, k)."""
        tables = [self.table(name).dropna() for name in self.complete]
        common = sorted(set.intersection(*(set(table.index) for table in tables))) if tables else []
        shape = (len(tables), len(common), len(self.methods))
        return np.array([table.loc[common].to_numpy(float) for table in tables], float).reshape(shape)

    @cached_property
    def ranks(self) -> Array:
        """The mean rank of every method in every replicate, over the complete problems, (replicates, methods)."""
        if not self.whole.size:
            return np.empty((0, len(self.methods)))
        return np.asarray(rankdata(self.whole, axis=2).sum(axis=0) / len(self.whole))

    @cached_property
    def claims(self) -> Claims:
        """Which methods differ, on every problem and over the complete ones: what every sentence and table says."""
        return claims([self.scores(name) for name in self.problems], self.whole)

    def tests(self, problem: str) -> Tests:
        """The tests of all pairs on a problem."""
        return self.claims.on[self.problems.index(problem)]

    @cached_property
    def medians(self) -> Array:
        """Lower median scores, (complete problems, methods)."""
        medians = [lower_median(block) for block in self.blocks.values()]
        return np.array(medians, float).reshape(len(medians), len(self.methods))

    def without(self, column: str, value: str) -> Comparison:
        """The same comparison with a problem or a method left out: all that depends on the field is made anew."""
        return Comparison(self.rows[self.rows[column] != value], self.factor, self.tuning)


@dataclass(frozen=True)
class Compared(Stored):
    """A folder of results, and the comparisons that were made of it."""

    comparisons: dict[tuple[Hashable, ...], Comparison] = field(default_factory=dict, repr=False, compare=False)

    def compare(self, **filters: Unpack[Filters]) -> Comparison:
        """The scores that every analysis is made of; ``tuning`` is lr, all, default or given.

        ``problem``, ``optimizer`` and ``seed`` are a name or a list of them; ``caveats`` says what cannot be concluded.
        """
        wanted = _wanted(filters)
        key = (filters.get("tuning"), *wanted)
        if key not in self.comparisons:
            made = compare(self.reported, self.factor, filters.get("tuning"), *wanted)
            self.comparisons[key] = replace(made, caveats=[*made.caveats, *self.unsaid])
        return self.comparisons[key]

    def some(self, **filters: Unpack[Filters]) -> pd.DataFrame:
        """All runs, those of tuning too; with ``tuning`` the runs that are compared."""
        tuning = filters.get("tuning")
        runs = self.runs if tuning is None else self.compare(tuning=tuning).rows
        return chosen(runs, *_wanted(filters))


def once(analysis: Callable[[Stored, Comparison], pd.DataFrame]) -> Callable[[Stored, Comparison], pd.DataFrame]:
    """An analysis that several figures and tables read: made once for a comparison; everyone gets a copy."""

    @wraps(analysis)
    def remembered(stored: Stored, comparison: Comparison) -> pd.DataFrame:
        key = (analysis.__name__,)
        if key not in comparison.made:
            comparison.made[key] = analysis(stored, comparison)
        return comparison.made[key].copy()

    return remembered


def _wanted(filters: Filters) -> tuple[Values, Values, Values]:
    """Problems, methods and seeds."""
    return _listed(filters.get("problem")), _listed(filters.get("optimizer")), _listed(filters.get("seed"))


def _listed(values: Names | Seeds) -> Values:
    if values is None:
        return None
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else (values,)


def lower_median(values: Array) -> Array:
    """Along the first axis, as an order statistic: a value that is there, no average with infinity."""
    if not len(values):
        return np.full(values.shape[1:], np.inf)
    ordered: Array = np.sort(values, axis=0)[(len(values) - 1) // 2]
    return ordered


def compare(
    reported: pd.DataFrame, factor: str, tuning: str | None = None, problem: Values = None, optimizer: Values = None,
    seed: Values = None,
) -> Comparison:  # fmt: skip
    """The rows of ``reported`` with this tuning (the headline's by default), problems, methods and seeds."""
    tunings = [name for name in TUNINGS if name in set(reported["tuning"])]
    if tuning is not None and tuning not in tunings:
        raise UnknownName("tuning in the results", tuning, tunings)
    shown = tuning or (tunings[0] if tunings else "given")
    rows = chosen(reported[reported["tuning"] == shown], problem, optimizer, seed)
    rows, mixed = _unmixed(rows, factor)
    rows = rows.assign(score=scores(rows)).drop_duplicates(["problem", "optimizer", "seed"])
    made = Comparison(rows.reset_index(drop=True), factor, shown)
    early = ["no evaluation runs yet: shown are the best learning rates so far, on the seeds that selected them"]
    caveats = early * (shown == "best") + mixed + _caveats(made) + _unmeasured(made.rows)
    return Comparison(made.rows, factor, shown, caveats)


def scores(runs: pd.DataFrame) -> pd.Series:
    """Final test loss, or loss; infinite where a run did not finish."""
    held_out = runs["test_loss"] if "test_loss" in runs else pd.Series(np.nan, index=runs.index)
    return held_out.fillna(runs["loss"]).where(runs["status"] == "finished", np.inf).fillna(np.inf).astype(float)


def chosen(rows: pd.DataFrame, problem: Values = None, optimizer: Values = None, seed: Values = None) -> pd.DataFrame:
    """The rows with these problems, methods and seeds; a value that no row has is an error."""
    for column, values in (("problem", problem), ("optimizer", optimizer), ("seed", seed)):
        if values is None:
            continue
        present = rows[column].unique().tolist()
        for value in values:
            if value not in present:
                raise UnknownName(f"{column} in the results", value, map(str, present))
        rows = rows[rows[column].isin(values)]
    return rows


def _unmixed(rows: pd.DataFrame, factor: str) -> tuple[pd.DataFrame, list[str]]:
    """Leave out problems of which runs with several fingerprints lie in the store: they are different problems.

    Levels of a factor that is a parameter of the problem differ by design.
    """
    if "fingerprint" not in rows:
        return rows, []
    counts = rows.groupby(["problem", "optimizer"] if FACTORS[factor] else ["problem"])["fingerprint"].nunique()
    counts = counts.groupby("problem").max()
    mixed = counts.index[counts > 1].tolist()
    caveats = [
        f"{name}: its runs have {counts[name]} different fingerprints, so they belong to different problems and cannot "
        "be compared; run it again in a separate folder"
        for name in mixed
    ]
    versions = _distinct(rows, "version")
    if len(versions) > 1:
        caveats.append(f"runs of optibench {', '.join(versions)} are mixed: differences may come from the version")
    differ = [f"{name} {', '.join(values)}" for name in ENVIRONMENT if len(values := _distinct(rows, name)) > 1]
    if differ:
        caveats.append(
            f"runs from different environments are mixed ({'; '.join(differ)}): differences may come from the "
            "environment; run everything in one environment, in a separate folder"
        )
    return rows[~rows["problem"].isin(mixed)], caveats


def _distinct(rows: pd.DataFrame, name: str) -> list[str]:
    """The values of a column of texts, those that were recorded; none without the column."""
    return sorted({str(value) for value in rows[name].dropna()} - {""}) if name in rows else []


def _unmeasured(rows: pd.DataFrame) -> list[str]:
    """One caveat for each metric that runs have no value of, with the reason of the first."""
    caveats = []
    for name in rows:
        if str(name).startswith(UNMEASURED):
            reasons = [text for text in rows[name].dropna() if text]
            if reasons:
                metric, runs = str(name).removeprefix(UNMEASURED), "run" if len(reasons) == 1 else "runs"
                caveats.append(f"metric {metric} could not be measured in {len(reasons)} {runs}: {reasons[0]}")
    return caveats


def _caveats(comparison: Comparison) -> list[str]:
    """What cannot be concluded from these rows, and why."""
    methods, problems, factor = comparison.methods, comparison.problems, comparison.factor
    if comparison.rows.empty:
        return ["there are no runs to compare"]
    caveats = []
    if len(methods) == 1:
        caveats.append(f"only one {factor}, {methods[0]}: there is nothing to compare it with; add another")
    if len(problems) == 1:
        caveats.append(f"only one problem, {problems[0]}: results may not generalize to other problems")
    caveats += [line for name in problems for line in _problem_caveats(comparison, name)]
    most = comparison.rows.groupby("problem")["seed"].nunique().max()
    needed = replicates_needed(len(methods), len(problems))
    if len(methods) > 1 and 1 < most < needed:
        caveats.append(
            f"{most} replicates are too few to test all pairs of {len(methods)} methods on "
            f"{count(len(problems), 'problem')}: at least {needed} are needed, so no difference on a problem is claimed"
        )
    return caveats


def _problem_caveats(comparison: Comparison, problem: str) -> list[str]:
    table, caveats = comparison.table(problem), []
    missing = [name for name in comparison.methods if name not in table]
    if missing:
        caveats.append(f"{problem}: no run of {listing(missing)}, so it is excluded from ranks over problems")
    counts = table.notna().sum()
    common = len(table.dropna())
    if counts.min() < counts.max():
        few = counts.index[counts < counts.max()].tolist()
        have = "has" if len(few) == 1 else "have"
        caveats.append(
            f"{problem}: {listing(few)} {have} fewer replicates than the others; ranks use the {common} common ones"
        )
    if len(table) == 1:
        caveats.append(f"{problem}: only one replicate, so no spread and no test of differences; use --seeds 20")
    if np.isinf(table.to_numpy(float)[table.notna().to_numpy()]).all():
        caveats.append(
            f"{problem}: no run of any {comparison.factor} finished, so no ranking is possible; try lower learning "
            "rates"
        )
    return caveats
