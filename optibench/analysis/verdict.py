"""The comparison in words: one sentence a problem and one for the whole, each number from a column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, lower_median
from optibench.analysis.leaderboard import overall
from optibench.analysis.pairs import ALL, fewest, pairwise

COLUMNS = ["problem", "sentence", "best", "tied", "worse", "score", "p_tied", "p_worse", "more_seeds"]


def verdict(comparison: Comparison) -> pd.DataFrame:
    """The whole in the first row, then a row a problem: the sentence, who is best, who is tied with it, who is worse.

    ``p_tied`` is the smallest Holm-adjusted p among those that cannot be told apart from the best, ``p_worse`` the
    largest among those that are worse: Wilcoxon's signed-rank test of the best against each other, over seeds on a
    problem, over problems for the whole. ``more_seeds``: about how many would tell the nearest two apart.
    """
    rows = [on_problem(comparison, problem) for problem in comparison.problems]
    return pd.DataFrame([over_problems(comparison, rows), *rows], columns=COLUMNS)


def on_problem(comparison: Comparison, problem: str) -> dict[str, Any]:
    """The row of one problem."""
    rows = comparison.rows[comparison.rows["problem"] == problem]
    medians = (
        rows.groupby("optimizer")["score"].agg(lambda one: lower_median(one.to_numpy())).sort_values(kind="stable")
    )
    names, best = list(medians.index), str(medians.index[0])
    row = _row(problem, best, float(medians.iloc[0]))
    measure = "test loss" if "test_loss" in rows and rows["test_loss"].notna().any() else "loss"
    reached = f"{measure} {_number(row['score'])}"
    if not np.isfinite(row["score"]):
        return {**row, "best": "", "sentence": f"On {problem} no run finished, so nothing can be ranked."}
    if len(names) == 1:
        return {
            **row,
            "sentence": f"On {problem} only {best} ran, to a {reached}: there is nothing to compare it with.",
        }
    if rows["seed"].nunique() == 1:
        text = f"On {problem} {best} has the lowest {reached}, but on one seed no difference can be told."
        return {**row, "tied": ", ".join(names[1:]), "sentence": text}
    if medians.nunique() == 1 and rows["score"].nunique() == 1:
        text = f"On {problem} all {len(names)} contenders reach the same {reached}, so they cannot be told apart."
        return {**row, "tied": ", ".join(names[1:]), "sentence": text}
    row.update(_against(pairwise(comparison, best, problem=problem), problem, best))
    tied, worse = _split(row["tied"]), _split(row["worse"])
    if not tied:
        text = f"On {problem} {best} is best, at a {reached}; {_all(worse)} worse (Holm {_p(row['p_worse'], 'most')})."
    else:
        text = f"On {problem} {best} has the lowest {reached}; {_apart([best, *tied], row)}{_more(row, best)}"
        text += f"; {_all(worse)} worse than {best}." if worse else "."
    return {**row, "sentence": text}


def over_problems(comparison: Comparison, problems: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of the whole."""
    names, count = comparison.optimizers, len(comparison.complete)
    if not names:
        return {**_row("", "", np.nan), "sentence": "No run can be compared."}
    if len(names) == 1:
        text = (
            f"Only {names[0]} was run, on {_count(len(comparison.problems), 'problem')}: there is nothing to compare."
        )
        return {**_row("", names[0], np.nan), "sentence": text}
    if len(comparison.problems) == 1:
        return {**problems[0], "problem": ""}
    if not count:
        return {
            **_row("", "", np.nan),
            "sentence": "No problem has runs of every contender, so there is no rank over all.",
        }
    if not np.isfinite(comparison.medians).any():
        return {**_row("", "", np.nan), "sentence": "No run of any contender finished, so nothing can be ranked."}
    table = overall(comparison)
    best = str(table["optimizer"][0])
    row = {
        **_row("", best, float(table["mean_rank"][0])),
        **_against(pairwise(comparison, best, problem=ALL), ALL, best),
    }
    tied, worse = _split(row["tied"]), _split(row["worse"])
    top = table.iloc[0]
    level = table.loc[np.isclose(table["mean_rank"], top["mean_rank"]), "optimizer"].tolist()
    has = "has the best mean rank" if len(level) == 1 else f"shares the best mean rank with {_list(level[1:])}"
    text = (
        f"{best} is best on {top['first_on']} of {_count(count, 'problem')} and {has}, "
        f"{top['mean_rank']:.2f} of {len(names)} (95 % interval {top['low']:.2f} to {top['high']:.2f} over seeds)"
    )
    enough = fewest(len(names) - 1)
    if count < enough:
        row.update(tied=", ".join(name for name in names if name != best), worse="", p_worse=np.nan)
        text += f"; {count} problems are too few to tell {len(names)} contenders apart over problems, it takes {enough}"
        return {**row, "sentence": f"{text}. {_where(best, problems)}"}
    if tied:
        text += f"; {_apart([best, *tied], row)}"
    if worse:
        than = _both(len(tied) + 1) if tied and _below(comparison, worse, [best, *tied]) else best
        text += f"; {_all(worse)} worse than {than}" + ("" if tied else f" (Holm {_p(row['p_worse'], 'most')})")
    return {**row, "sentence": f"{text}. {_where(best, problems)}"}


def _below(comparison: Comparison, worse: list[str], better: list[str]) -> bool:
    """Whether each of these is told to be worse than each of those, over problems and among all pairs."""
    pairs = pairwise(comparison, problem=ALL)
    winners = {frozenset((row["a"], row["b"])): row["better"] for row in pairs.to_dict("records")}
    return all(winners[frozenset((low, high))] == high for low in worse for high in better)


def _row(problem: str, best: str, score: float) -> dict[str, Any]:
    blank = {"tied": "", "worse": "", "p_tied": np.nan, "p_worse": np.nan, "more_seeds": 0}
    return {"problem": problem, "best": best, "score": score, **blank}


def _against(pairs: pd.DataFrame, problem: str, best: str) -> dict[str, Any]:
    """Who is worse than the best, and who cannot be told from it, on this problem or over all."""
    pairs = pairs[pairs["problem"] == problem]
    worse = pairs["better"] == best
    tied = pairs[~worse]
    return {
        "tied": ", ".join(tied["b"]),
        "worse": ", ".join(pairs.loc[worse, "b"]),
        "p_tied": float(tied["p_holm"].min()) if len(tied) else np.nan,
        "p_worse": float(pairs.loc[worse, "p_holm"].max()) if worse.any() else np.nan,
        "more_seeds": int(tied["more_seeds"].min()) if len(tied) else 0,
    }


def _where(best: str, problems: list[dict[str, Any]]) -> str:
    """On which problems the leader wins and on which another does, as far as can be told."""
    wins = [row["problem"] for row in problems if row["best"] == best and not row["tied"]]
    losses = [f"{row['problem']} (by {row['best']})" for row in problems if best in _split(row["worse"])]
    said = [f"alone ahead on {_list(wins)}"] if wins else []
    said += [f"beaten on {_list(losses)}"] if losses else []
    return f"{best} is {' and '.join(said)}." if said else f"On no problem is {best} alone ahead, nor beaten."


def _apart(names: list[str], row: dict[str, Any]) -> str:
    told = f"{_list(names)} cannot be told apart" if len(names) == 2 else f"{_list(names[1:])} cannot be told from it"
    return f"{told} (Holm {_p(row['p_tied'], 'least')})"


def _more(row: dict[str, Any], best: str) -> str:
    """Not enough seeds to tell."""
    more = row["more_seeds"]
    return f": not enough seeds to tell, about {more} more would" if 0 < more < LARGEST else ""


#: More seeds than this are not worth a word.
LARGEST = 1000


def _p(value: float, bound: str) -> str:
    """A p-value as it is written: without the leading zero, three digits below .01."""
    if value < 0.001:
        return "p < .001"
    digits = f"{value:.2f}" if value >= 0.01 else f"{value:.3f}"
    sign = {"most": "<=", "least": ">="}[bound]
    return f"p {sign} {digits.removeprefix('0')}"


def _number(value: float) -> str:
    return f"{value:.3g}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _all(names: list[str]) -> str:
    return f"{_list(names)} {'is' if len(names) == 1 else 'are'}"


def _both(count: int) -> str:
    return "both" if count == 2 else f"all {count}"


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _split(names: str) -> list[str]:
    return names.split(", ") if names else []
