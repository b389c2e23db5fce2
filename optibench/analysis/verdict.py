"""The comparison in words: one sentence a problem and one for the whole, each number from a column of a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from math import isfinite, nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison, listing, lower_median
from optibench.analysis.leaderboard import overall
from optibench.analysis.pairs import ALL, fewest, pairwise

#: More seeds than this are not worth a word.
LARGEST = 1000


@dataclass(frozen=True)
class Verdict:
    """One row: a problem, or the whole where it is empty. ``score`` is the best's median, or its mean rank."""

    problem: str
    sentence: str = ""
    best: str = ""
    tied: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    score: float = nan
    p_tied: float = nan
    p_worse: float = nan
    more_seeds: int = 0


COLUMNS = [*Verdict.__dataclass_fields__]


def verdict(comparison: Comparison) -> pd.DataFrame:
    """The whole in the first row, then a row a problem: the sentence, who is best, who is tied with it, who is worse.

    ``p_tied`` is the smallest Holm-adjusted p among those that do not differ significantly from the best, ``p_worse``
    the largest among those that are worse: Wilcoxon's signed-rank test of the best against each other, over seeds on a
    problem, over problems for the whole. ``more_seeds``: about how many the nearest two would need to differ.
    """
    rows = [on_problem(comparison, problem) for problem in comparison.problems]
    return pd.DataFrame([asdict(row) for row in (over_problems(comparison, rows), *rows)], columns=COLUMNS)


def on_problem(comparison: Comparison, problem: str) -> Verdict:
    """The row of one problem."""
    rows = comparison.rows[comparison.rows["problem"] == problem]
    scores = rows.groupby("optimizer")["score"]
    medians = scores.agg(lambda values: lower_median(values.to_numpy())).sort_values(kind="stable")
    names, best, score = list(medians.index), str(medians.index[0]), float(medians.iloc[0])
    row = Verdict(problem, best=best, score=score)
    measure = "test loss" if "test_loss" in rows and rows["test_loss"].notna().any() else "loss"
    value = f"{score:.3g}"
    if not isfinite(score):
        return replace(row, best="", sentence=f"On {problem} no run finished, so no ranking is possible.")
    if len(names) == 1:
        text = f"On {problem} only {best} was run, with a median {measure} of {value}: there is nothing to compare."
        return replace(row, sentence=text)
    if rows["seed"].nunique() == 1:
        text = f"On {problem} {best} has the lowest {measure}, {value}, but one seed is too few to test differences."
        return replace(row, tied=names[1:], sentence=text)
    if medians.nunique() == 1 and rows["score"].nunique() == 1:
        text = (
            f"On {problem} all {len(names)} methods reach the same {measure}, {value}, so they are not statistically "
            "distinguishable."
        )
        return replace(row, tied=names[1:], sentence=text)
    row = _against(row, pairwise(comparison, best, problem=problem), problem)
    if not row.tied:
        text = (
            f"On {problem} {best} is best, with a median {measure} of {value}; {_all(row.worse)} significantly worse "
            f"(Holm {_at_most(row.p_worse)})."
        )
        return replace(row, sentence=text)
    text = f"On {problem} {best} has the lowest median {measure}, {value}; {_indistinguishable(row)}{_more(row)}."
    if row.worse:
        text += f" {_all(row.worse)} significantly worse than {best}."
    return replace(row, sentence=text)


def over_problems(comparison: Comparison, problems: list[Verdict]) -> Verdict:
    """The row of the whole."""
    names, count, none = comparison.methods, len(comparison.complete), Verdict("")
    if not names:
        return replace(none, sentence="There are no runs to compare.")
    if len(names) == 1:
        text = (
            f"Only {names[0]} was run, on {_count(len(comparison.problems), 'problem')}: there is nothing to compare."
        )
        return replace(none, best=names[0], sentence=text)
    if len(comparison.problems) == 1:
        return replace(problems[0], problem="")
    if not count:
        return replace(none, sentence="No problem has runs of every method, so there is no ranking over problems.")
    if not np.isfinite(comparison.medians).any():
        return replace(none, sentence="No run of any method finished, so no ranking is possible.")
    table = overall(comparison)
    top, best = table.iloc[0], str(table["optimizer"][0])
    row = Verdict("", best=best, score=float(top["mean_rank"]))
    row = _against(row, pairwise(comparison, best, problem=ALL), ALL)
    level = table.loc[np.isclose(table["mean_rank"], top["mean_rank"]), "optimizer"].tolist()
    has = "has the best mean rank" if len(level) == 1 else f"shares the best mean rank with {listing(level[1:])}"
    text = (
        f"{best} is best on {top['first_on']} of {_count(count, 'problem')} and {has}, "
        f"{top['mean_rank']:.2f} of {len(names)} (95 % interval {top['low']:.2f} to {top['high']:.2f} over seeds)"
    )
    enough = fewest(len(names) - 1)
    if count < enough:
        text += (
            f"; to test {len(names)} methods over problems, at least {enough} problems are needed, and there "
            f"{'is' if count == 1 else 'are'} {count}"
        )
        row = replace(row, tied=[name for name in names if name != best], worse=[], p_worse=nan)
        return replace(row, sentence=f"{text}. {_by_problem(best, problems)}")
    if row.tied:
        text += f"; {_indistinguishable(row)}"
    if row.worse:
        both = row.tied and _below(comparison, row.worse, [best, *row.tied])
        than = ("both" if len(row.tied) == 1 else f"all {len(row.tied) + 1}") if both else best
        text += f"; {_all(row.worse)} significantly worse than {than}"
        text += "" if row.tied else f" (Holm {_at_most(row.p_worse)})"
    return replace(row, sentence=f"{text}. {_by_problem(best, problems)}")


def _below(comparison: Comparison, worse: list[str], better: list[str]) -> bool:
    """Whether each of these is significantly worse than each of those, over problems and among all pairs."""
    pairs = pairwise(comparison, problem=ALL)
    winners = {frozenset((row["a"], row["b"])): row["better"] for row in pairs.to_dict("records")}
    return all(winners[frozenset((low, high))] == high for low in worse for high in better)


def _against(row: Verdict, pairs: pd.DataFrame, problem: str) -> Verdict:
    """Who is worse than the best, and who does not differ significantly from it, on this problem or over all."""
    pairs = pairs[pairs["problem"] == problem]
    worse = pairs["better"] == row.best
    tied = pairs[~worse]
    return replace(
        row,
        tied=tied["b"].tolist(),
        worse=pairs.loc[worse, "b"].tolist(),
        p_tied=float(tied["p_holm"].min()) if len(tied) else nan,
        p_worse=float(pairs.loc[worse, "p_holm"].max()) if worse.any() else nan,
        more_seeds=int(tied["more_seeds"].min()) if len(tied) else 0,
    )


def _by_problem(best: str, problems: list[Verdict]) -> str:
    """On which problems the leader is significantly better than all others, and on which worse than the best."""
    wins = [row.problem for row in problems if row.best == best and not row.tied]
    losses = [f"{row.problem} (than {row.best})" for row in problems if best in row.worse]
    parts = [f"significantly better than all others on {listing(wins)}"] if wins else []
    parts += [f"significantly worse on {listing(losses)}"] if losses else []
    return f"{best} is {' and '.join(parts)}." if parts else f"{best} has no significant win or loss on any problem."


def _indistinguishable(row: Verdict) -> str:
    p = f"(Holm {_at_least(row.p_tied)})"
    if len(row.tied) == 1:
        return f"{row.best} and {row.tied[0]} are not statistically distinguishable {p}"
    return f"{listing(row.tied)} are not statistically distinguishable from it {p}"


def _more(row: Verdict) -> str:
    """How many seeds are missing, where that is a number worth a word."""
    if not 0 < row.more_seeds < LARGEST:
        return ""
    return f": inconclusive; about {_count(row.more_seeds, 'more seed')} needed"


def _at_most(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p <= {_digits(p)}"


def _at_least(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p >= {_digits(p)}"


def _digits(p: float) -> str:
    """Without the leading zero, three digits below .01."""
    digits = f"{p:.2f}" if p >= 0.01 else f"{p:.3f}"
    return digits.removeprefix("0")


def _all(names: list[str]) -> str:
    return f"{listing(names)} {'is' if len(names) == 1 else 'are'}"


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
