"""Would the verdict stand: had seeds, problems, contenders, the cost unit, the horizon or the tuning been others?"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from optibench.analysis.comparison import TUNINGS, Comparison, lower_median
from optibench.analysis.stats.rank_bootstrap import mean_ranks, share_first
from optibench.analysis.stats.ranks import friedman
from optibench.analysis.time_to_target import COST, HORIZONS, UNITS, at_cost, with_tuning

COLUMNS = ["what", "level", "leader", "share", "changed"]


def leader(comparison: Comparison) -> str:
    """Who has the lowest mean rank over the problems that all ran on; equals are all named."""
    medians = comparison.medians
    if not len(medians):
        return ""
    ranks = friedman(medians).mean_ranks
    return " = ".join(
        name for name, rank in zip(comparison.optimizers, ranks, strict=True) if rank <= ranks.min() + 1e-9
    )


def stability(results: Any, comparison: Comparison) -> pd.DataFrame:
    """Rows of what was changed, to which level, who leads then, and whether that is another than the leader as run.

    "seeds" has a row for each contender that leads when seeds are drawn again, with how often it does, P(rank 1); every
    other row is one comparison with its ranks made anew.
    """
    now = leader(comparison)
    rows: list[tuple[str, str, str, float]] = [("as run", comparison.tuning, now, np.nan)]
    if len(comparison.medians):
        shares = share_first(mean_ranks([*comparison.blocks.values()]))
        order = np.argsort(-shares, kind="stable")
        rows += [("seeds", "drawn again", comparison.optimizers[i], float(shares[i])) for i in order if shares[i] > 0]
    if len(comparison.complete) > 1:
        rows += [
            ("without problem", name, leader(comparison.without("problem", name)), np.nan)
            for name in comparison.complete
        ]
    if len(comparison.optimizers) > 2:
        for name in comparison.optimizers:
            rows.append((f"without {comparison.factor}", name, leader(comparison.without("optimizer", name)), np.nan))
    rows += [("equal cost", unit, leader(at_cost(results, comparison, unit)), np.nan) for unit in UNITS]
    rows += [
        ("horizon", f"{share:.0%}", leader(at_cost(results, comparison, COST, share)), np.nan) for share in HORIZONS
    ]
    for name in TUNINGS:
        if name in set(results.reported["tuning"]) and name != comparison.tuning:
            rows.append(("tuning", name, leader(with_tuning(results, comparison, name)), np.nan))
    frame = pd.DataFrame(rows, columns=COLUMNS[:-1])
    gone = frame["what"].str.startswith("without") & (frame["level"] == now)  # it cannot lead where it does not stand
    drawn = (frame["what"] == "seeds") & frame["leader"].isin(now.split(" = "))
    frame["changed"] = (frame["leader"] != now) & ~gone & ~drawn
    return frame


def crossings(results: Any, comparison: Comparison) -> pd.DataFrame:
    """Pairs whose medians change order along the budget: problem, who is ahead at the first horizon, who last."""
    early, late = (at_cost(results, comparison, COST, share) for share in (HORIZONS[0], HORIZONS[-1]))
    rows = []
    for problem in comparison.complete:
        before, after = lower_median(early.blocks[problem]), lower_median(late.blocks[problem])
        for i, j in combinations(range(len(comparison.optimizers)), 2):
            if (before[i] < before[j] and after[i] > after[j]) or (before[i] > before[j] and after[i] < after[j]):
                first, last = (i, j) if before[i] < before[j] else (j, i)
                rows.append((problem, comparison.optimizers[first], comparison.optimizers[last]))
    return pd.DataFrame(rows, columns=["problem", "ahead_at_first", "ahead_at_last"])
