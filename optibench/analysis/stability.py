"""Robustness of the ranking: who leads with other replicates, problems, methods, cost units, horizons or tuning."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from itertools import combinations
from math import nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import TUNINGS, Comparison, compare, lower_median
from optibench.analysis.equal_cost import COST, HORIZONS, UNITS, at_cost
from optibench.analysis.leaderboard import level
from optibench.analysis.stats.rank_bootstrap import resampled, share_first
from optibench.stored import Stored


@dataclass(frozen=True)
class Variation:
    """One row: what was varied, its level, who leads then (several if they are level), how often, if it can be said."""

    varied: str
    level: str
    leaders: list[str] = field(default_factory=list)
    share: float = nan
    changed: bool = False


COLUMNS = [*Variation.__dataclass_fields__]


def leaders(comparison: Comparison) -> list[str]:
    """Who has the lowest mean rank over the problems that all ran on; several if they are level."""
    if not len(comparison.ranks):
        return []
    places = level(comparison.ranks.mean(axis=0))
    return [name for name, place in zip(comparison.methods, places, strict=True) if place == 1]


def stability(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """Rows of what was varied, its level, who leads then, and whether that differs from the comparison as run.

    "replicates" has a row for each method that leads when they are resampled, with how often it does, P(rank 1); every
    other row is one comparison with its ranks made anew. A leader that is left out has not lost its lead.
    """
    now, factor = leaders(comparison), comparison.factor
    rows = [Variation("as run", comparison.tuning, now)]

    def add(varied: str, level: str, other: Comparison, left_out: str = "") -> None:
        if not (leading := leaders(other)):
            return  # nothing was measured in this unit
        rows.append(Variation(varied, level, leading, changed=leading != now and now != [left_out]))

    if len(comparison.ranks):
        shares = share_first(resampled(comparison.ranks))
        for i in np.argsort(-shares, kind="stable"):
            if shares[i] > 0:
                name = comparison.methods[i]
                rows.append(Variation("replicates", "resampled", [name], float(shares[i]), name not in now))
    if len(comparison.complete) > 1:
        for name in comparison.complete:
            add("problem left out", name, comparison.without("problem", name))
    if len(comparison.methods) > 2:
        for name in comparison.methods:
            add(f"{factor} left out", name, comparison.without("optimizer", name), left_out=name)
    for unit in UNITS:
        add("equal cost", unit, at_cost(stored, comparison, unit))
    for share in HORIZONS:
        add("horizon", f"{share:.0%}", at_cost(stored, comparison, COST, share))
    for name in TUNINGS:
        if name in set(stored.reported["tuning"]) and name != comparison.tuning:
            add("tuning", name, with_tuning(stored, comparison, name))
    return pd.DataFrame([asdict(row) for row in rows], columns=COLUMNS)


def with_tuning(stored: Stored, comparison: Comparison, tuning: str) -> Comparison:
    """The same problems and methods, tuned in another way."""
    rows = compare(stored.reported, comparison.factor, tuning).rows
    rows = rows[rows["problem"].isin(comparison.problems) & rows["optimizer"].isin(comparison.methods)]
    return Comparison(rows, comparison.factor, tuning)


def crossings(stored: Stored, comparison: Comparison) -> pd.DataFrame:
    """Pairs whose medians change order along the budget: problem, who is ahead at the first horizon, who last."""
    early, late = (at_cost(stored, comparison, COST, share) for share in (HORIZONS[0], HORIZONS[-1]))
    rows = []
    for problem in early.complete:
        before, after = lower_median(early.blocks[problem]), lower_median(late.blocks[problem])
        for i, j in combinations(range(len(early.methods)), 2):
            if (before[i] < before[j] and after[i] > after[j]) or (before[i] > before[j] and after[i] < after[j]):
                first, last = (i, j) if before[i] < before[j] else (j, i)
                rows.append((problem, early.methods[first], early.methods[last]))
    return pd.DataFrame(rows, columns=["problem", "ahead_at_first", "ahead_at_last"])
