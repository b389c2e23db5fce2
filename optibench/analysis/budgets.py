"""Whether methods that share a budget have spent the same evaluations; what they spent, in words, where they have not.

An evaluation is a gradient, loss or Hessian product of a batch. An epoch has as many as there are whole batches, so
methods are compared under epochs where their batches have one size.
"""

from __future__ import annotations

import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.words import listing

#: What is written out: sentences, levels of spending in a sentence, and names in a list.
SENTENCES, LEVELS, NAMES = 3, 4, 4
COUNTS = ["gradient_evaluations", "value_evaluations", "hessian_products"]


def budgets_differ(comparison: Comparison) -> list[str]:
    """A sentence for each way in which methods spent more than others, the widest first; none where all is equal."""
    found: dict[tuple[str, tuple[tuple[int, tuple[str, ...]], ...]], list[str]] = {}
    for (problem, budget, _), group in spent(comparison.rows).groupby(["problem", "budget", "batch"]):
        if _differ(group, budget):
            levels = group.groupby(group["evaluations"].round().astype(int))["optimizer"].agg(tuple)
            pattern = tuple(sorted(levels.items(), reverse=True))
            found.setdefault((budget, pattern), []).append(str(problem))
    wide = sorted(found, key=lambda key: -_factor(key[1]))
    lines = [_sentence(budget, levels, found[budget, levels]) for budget, levels in wide[:SENTENCES]]
    if rest := wide[SENTENCES:]:
        count = len({problem for key in rest for problem in found[key]})
        problems = "problem" if count == 1 else "problems"
        lines.append(f"Budgets differ on {count} more {problems}, by a factor of up to {_factor(rest[0][1]):.3g}.")
    return lines


def spent(runs: pd.DataFrame) -> pd.DataFrame:
    """The median evaluations and steps of finished runs: problem, budget, batch, optimizer, evaluations, steps.

    ``batch`` is -1 where it does not matter. A step costs at least one evaluation: a run with fewer than steps had
    stopped by itself, an external solver that converged, and its budget did not bound it.
    """
    runs = runs.assign(evaluations=runs[COUNTS].sum(axis=1))
    runs = runs[(runs["status"] == "finished") & (runs["evaluations"] >= runs["steps"])]
    runs = runs.assign(batch=runs["batch"].where(runs["budget"].str.endswith(" epochs"), -1))
    keys = ["problem", "budget", "batch", "optimizer"]
    return runs.groupby(keys, as_index=False)[["evaluations", "steps"]].median()


def _differ(group: pd.DataFrame, budget: str) -> bool:
    """By more than rounding: a budget in evaluations ends within a step, so less than a step apart is the same."""
    least, most = group["evaluations"].min(), group["evaluations"].max()
    if budget.endswith(" steps"):
        return bool(least < most)
    step = (group["evaluations"] / group["steps"].clip(lower=1)).max()
    return bool(most - least >= step or most >= 2 * least)


def _factor(levels: tuple[tuple[int, tuple[str, ...]], ...]) -> float:
    return levels[0][0] / max(levels[-1][0], 1)


def _sentence(budget: str, levels: tuple[tuple[int, tuple[str, ...]], ...], problems: list[str]) -> str:
    """``levels``: (evaluations, methods that spent them), the most first."""
    amount, kind = budget.split(" ", 1)
    kind = kind.removeprefix("gradient_")
    kind = kind.removesuffix("s") if amount == "1" else kind
    shown = levels if len(levels) <= LEVELS else levels[: LEVELS - 1]
    parts = [f"{_some(methods)} {count:,}" for count, methods in shown[1:]]
    rest = [(count, name) for count, methods in levels[len(shown) :] for name in methods]
    if rest:
        parts.append(f"the other {len(rest)} methods {rest[-1][0]:,} to {rest[0][0]:,}")
    first = f"{_some(levels[0][1])} spent {levels[0][0]:,} evaluations per run on {_some(problems)}"
    short = len(problems) == 1 and len(levels) == 2 and all(len(methods) == 1 for _, methods in levels)
    return f"Budgets differ: with the same {amount} {kind}, {(', ' if short else '; ').join([first, *parts])}."


def _some(names: list[str] | tuple[str, ...]) -> str:
    """a, b and c; of many the first, and how many others."""
    names = sorted(names)
    if len(names) <= NAMES:
        return listing(names)
    return f"{', '.join(names[: NAMES - 1])} and {len(names) - NAMES + 1} others"
