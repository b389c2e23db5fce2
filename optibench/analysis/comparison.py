"""What is compared: scores of contenders on problems at common seeds; what could not be compared is said.

A score is the final test loss, or the loss where nothing is held out, and infinite for a run that did not finish: lower
is better, and a run that diverged is last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from optibench.errors import InputError, nearest
from optibench.experiment.settings import FACTORS
from optibench.plugin.types import Array

#: How a contender's hyperparameters were chosen, and the words for it.
TUNINGS = {
    "lr": "learning rate tuned",
    "all": "everything tuned",
    "default": "declared default",
    "given": "as given",
    "best": "best rate on the seeds that are shown",
}


@dataclass(frozen=True)
class Comparison:
    """``rows``: one a run, with problem, optimizer (the contender), seed and score; ``factor``: what is compared."""

    rows: pd.DataFrame
    factor: str = "optimizer"
    tuning: str = "lr"
    caveats: list[str] = field(default_factory=list)
    made: dict[str, pd.DataFrame] = field(
        default_factory=dict, repr=False, compare=False
    )  # frames that others made of it

    @cached_property
    def optimizers(self) -> list[str]:
        return sorted(self.rows["optimizer"].unique())

    @cached_property
    def problems(self) -> list[str]:
        """All problems that have a run."""
        return sorted(self.rows["problem"].unique())

    @cached_property
    def complete(self) -> list[str]:
        """The problems that every contender has runs on: those that ranks across problems can use."""
        counts = self.rows.groupby("problem")["optimizer"].nunique()
        return [name for name in self.problems if counts[name] == len(self.optimizers)]

    @cached_property
    def blocks(self) -> dict[str, Array]:
        """Scores on every complete problem at the seeds that all contenders have, (seeds, optimizers)."""
        return {name: self._block(name) for name in self.complete}

    def _block(self, problem: str) -> Array:
        table = self._table(problem)
        return table.dropna().to_numpy(float)  # (S, k)

    def _table(self, problem: str) -> pd.DataFrame:
        return self._tables[problem]

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        """Scores of every problem, seeds by contenders, NaN where a contender has no run at a seed."""
        return {
            str(name): rows.pivot(index="seed", columns="optimizer", values="score")
            for name, rows in self.rows.groupby("problem")
        }

    def pair(self, problem: str, a: str, b: str) -> tuple[Array, Array]:
        """The scores of two contenders at the seeds that both have, (S,) each; none where one is missing."""
        table = self._table(problem)
        if a not in table or b not in table:
            return np.empty(0), np.empty(0)
        both = table[[a, b]].dropna()
        return both[a].to_numpy(float), both[b].to_numpy(float)

    @cached_property
    def medians(self) -> Array:
        """Lower median scores, (complete problems, optimizers)."""
        found = [lower_median(block) for block in self.blocks.values()]
        return np.array(found, float).reshape(len(found), len(self.optimizers))

    def without(self, column: str, value: str) -> Comparison:
        """The same comparison with a problem or a contender left out: all that depends on the field is made anew."""
        return Comparison(self.rows[self.rows[column] != value], self.factor, self.tuning)


def lower_median(values: Array) -> Array:
    """Along the first axis, as an order statistic: a value that is there, no average with infinity."""
    if not len(values):
        return np.full(values.shape[1:], np.inf)
    ordered: Array = np.sort(values, axis=0)[(len(values) - 1) // 2]
    return ordered


def compare(
    reported: pd.DataFrame, factor: str, tuning: str | None = None, problem: Any = None, optimizer: Any = None,
    seed: Any = None,
) -> Comparison:  # fmt: skip
    """The rows of ``reported`` with this tuning (the headline's by default), problems, contenders and seeds."""
    there = [name for name in TUNINGS if name in set(reported["tuning"])]
    if tuning is not None and tuning not in there:
        raise InputError(f"no results with tuning '{tuning}'; {nearest(tuning, there)}")
    shown = tuning or (there[0] if there else "given")
    rows = chosen(reported[reported["tuning"] == shown], problem=problem, optimizer=optimizer, seed=seed)
    rows, mixed = _unmixed(rows, factor)
    rows = rows.assign(score=scores(rows)).drop_duplicates(["problem", "optimizer", "seed"])
    made = Comparison(rows.reset_index(drop=True), factor, shown)
    unfinished = ["nothing was reported yet: shown are the best rates so far, on the seeds that chose them"]
    return Comparison(made.rows, factor, shown, unfinished * (shown == "best") + mixed + _caveats(made))


def scores(runs: pd.DataFrame) -> pd.Series:
    """Final test loss, or loss; infinite where a run did not finish."""
    held_out = runs["test_loss"] if "test_loss" in runs else pd.Series(np.nan, index=runs.index)
    return held_out.fillna(runs["loss"]).where(runs["status"] == "finished", np.inf).fillna(np.inf).astype(float)


def chosen(rows: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """The rows whose columns have these values, one or a list each; a value that is nowhere is an error."""
    for column, values in wanted.items():
        if values is None:
            continue
        every = [values] if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
        there = rows[column].unique().tolist()
        for one in every:
            if one not in there:
                raise InputError(f"no results with {column} '{one}'; {nearest(str(one), map(str, there))}")
        rows = rows[rows[column].isin(every)]
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
    said = [
        f"{name}: its runs carry {counts[name]} different fingerprints, so they are of different problems and cannot "
        "be compared; run it again in a folder of its own"
        for name in mixed
    ]
    if "version" in rows and rows["version"].nunique() > 1:
        versions = ", ".join(sorted(rows["version"].unique()))
        said.append(f"runs of optibench {versions} lie side by side: what differs may be the version")
    return rows[~rows["problem"].isin(mixed)], said


def _caveats(one: Comparison) -> list[str]:
    """What cannot be concluded from these rows, and why."""
    rows, factor, said = one.rows, one.factor, []
    if rows.empty:
        return ["there is no run that could be compared"]
    if len(one.optimizers) == 1:
        said.append(f"one {factor} only, {one.optimizers[0]}: there is nothing to compare it with; add another")
    if len(one.problems) == 1:
        said.append(f"one problem only, {one.problems[0]}: what holds on it need not hold on another")
    for name in one.problems:
        said += _problem_caveats(one, name)
    return said


def _problem_caveats(one: Comparison, problem: str) -> list[str]:
    table, said = one._table(problem), []
    missing = [name for name in one.optimizers if name not in table]
    if missing:
        said.append(f"{problem}: no run of {_names(missing)}, so it is left out of ranks across problems")
    counts = table.notna().sum()
    common = len(table.dropna())
    if counts.min() < counts.max():
        few = counts.index[counts < counts.max()].tolist()
        have = "has" if len(few) == 1 else "have"
        said.append(
            f"{problem}: {_names(few)} {have} fewer seeds than the others; comparisons use the {common} that all have"
        )
    if len(table) == 1:
        said.append(f"{problem}: one seed only, so there is no spread and no difference can be told; give --seeds 10")
    if np.isinf(table.to_numpy(float)[table.notna().to_numpy()]).all():
        said.append(f"{problem}: no run of any {one.factor} finished, so nothing can be ranked; try lower rates")
    return said


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
