"""The places of methods on a problem: by the median score; where outcomes are bimodal, by the share that solve it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from scipy.stats import rankdata

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.stats.bimodal import solved, solved_below
from optibench.analysis.stats.intervals import median_interval
from optibench.plugin.types import Array


@dataclass(frozen=True)
class Place:
    """A method on a problem: equal ones share the lower rank. ``low``, ``high``: the exact interval of the median.

    ``solved``: the share of its replicates that solve the problem, where outcomes are bimodal; else NaN.
    """

    rank: int
    score: float
    low: float
    high: float
    solved: float


@dataclass(frozen=True)
class Places:
    """``below``: the loss that divides solved from unsolved replicates; None where no outcomes are bimodal."""

    methods: dict[str, Place]
    below: float | None

    @property
    def first(self) -> list[str]:
        """Who is first; several where they are equal."""
        return [name for name, place in self.methods.items() if place.rank == 1]


def places(comparison: Comparison, problem: str) -> Places:
    """The places of the methods that have a run on the problem."""
    table = comparison.table(problem)
    columns: dict[str, Array] = {str(name): table[name].dropna().to_numpy(float) for name in table}
    below = solved_below([*columns.values()])
    scores = {name: float(lower_median(column)) for name, column in columns.items()}
    shares = {name: nan if below is None else solved(column, below) for name, column in columns.items()}
    keys = [(0.0 if below is None else -shares[name], scores[name]) for name in columns]
    rank = rankdata([sorted(set(keys)).index(key) for key in keys], method="min") if keys else []
    return Places(
        {
            name: Place(int(rank[i]), scores[name], *median_interval(column), shares[name])
            for i, (name, column) in enumerate(columns.items())
        },
        below,
    )
