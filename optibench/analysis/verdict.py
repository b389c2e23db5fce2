"""The comparison in words: what holds over these problems, beyond them and on each; each number is in a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from math import isfinite, nan

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.leaderboard import level, overall
from optibench.analysis.pairs import ALL, BEYOND, MANY, pairwise
from optibench.analysis.places import Places, places
from optibench.analysis.stats.claims import Tests, identical
from optibench.analysis.words import (
    about,
    at_least,
    at_most,
    count,
    digits,
    named_methods,
    named_problems,
    part,
    parts,
    plain,
    span,
)

#: More replicates, or problems, than this are not worth a word.
LARGEST = 1000


@dataclass(frozen=True)
class Verdict:
    """One row: over all problems where ``problem`` is empty, BEYOND, or a problem. ``leaders``: who is first there.

    ``score`` with ``low`` and ``high``: the leaders' median, over problems their mean rank; for several leaders the
    ends that hold the intervals of all. ``worse``: who is significantly worse than every leader, ``better``: who is
    significantly better than one, though placed behind it; ``tied``: all others.
    """

    problem: str
    sentence: str = ""
    leaders: list[str] = field(default_factory=list)
    tied: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    better: list[str] = field(default_factory=list)
    score: float = nan
    low: float = nan
    high: float = nan
    p_tied: float = nan
    p_worse: float = nan
    more: int = 0


COLUMNS = [*Verdict.__dataclass_fields__]


def verdict(comparison: Comparison) -> pd.DataFrame:
    """The whole in the first row, what holds beyond these problems in the second if there are several, then each one.

    ``p_tied`` is the smallest adjusted p of a leader and one that is tied with it, ``p_worse`` the largest of a leader
    and one that is worse; ``more``: about how many more replicates (beyond these problems: more problems) the closest
    of those tied needs for a significant difference. ``attrs["parts"]``: the parts of every sentence, with what they
    lead to.
    """
    rows = [on_problem(comparison, problem) for problem in comparison.problems]
    first = [over_problems(comparison, rows)]
    if comparison.claims.over is not None and np.isfinite(comparison.whole).any() and len(comparison.methods) > 1:
        first.append(beyond_problems(comparison))
    frame = pd.DataFrame([asdict(row) for row in (*first, *rows)], columns=COLUMNS)
    frame.attrs["parts"] = [parts(sentence) for sentence in frame["sentence"]]
    return frame.assign(sentence=[plain(sentence) for sentence in frame["sentence"]])


def on_problem(comparison: Comparison, problem: str) -> Verdict:
    """The row of one problem."""
    rows = comparison.rows[comparison.rows["problem"] == problem]
    standing = places(comparison, problem)
    names, leaders = [*standing.methods], standing.first
    first = [standing.methods[name] for name in leaders]
    score, low, high = first[0].score, min(place.low for place in first), max(place.high for place in first)
    row = Verdict(problem, leaders=leaders, score=score, low=low, high=high)
    here, measure = part("problem", problem), "loss"
    if "test_loss" in rows and rows["test_loss"].notna().any():
        measure = "test loss"
    value = f"{score:.3g}{span(low, high)}"
    if not np.isfinite(rows["score"]).any():
        return Verdict(problem, f"On {here} no run finished, so no ranking is possible.")
    if len(names) == 1:
        only = part("method", names[0])
        text = f"On {here} only {only} was run, with a median {measure} of {value}: there is nothing to compare."
        return replace(row, sentence=text)
    row = _against(row, comparison, comparison.tests(problem), problem)
    copies = _copies(comparison, [problem])
    if rows["score"].nunique() == 1 and len(copies) == 1 and len(copies[0]) == len(names):
        text = (
            f"On {here} all {len(names)} methods have the same {measure}, {score:.3g}, in every replicate, so "
            "they are not statistically distinguishable."
        )
        return replace(row, sentence=text)
    has = "has" if len(leaders) == 1 else "share"
    lowest = f"{named_methods(leaders)} {has} the lowest median {measure}, {value}"
    if standing.below is not None:
        lowest = f"{_solving(standing)}; {named_methods(leaders)} {'is' if len(leaders) == 1 else 'are'} first"
        lowest += f", with a median {measure} of {value}"
    text = f"On {here} {lowest}{_claims(row, comparison, comparison.tests(problem), problem)}.{_same(copies)}"
    return replace(row, sentence=text)


def over_problems(comparison: Comparison, problems: list[Verdict]) -> Verdict:
    """The row of the whole."""
    names, complete, none = comparison.methods, len(comparison.complete), Verdict("")
    if not names:
        return replace(none, sentence="There are no runs to compare.")
    if len(names) == 1:
        where = count(len(comparison.problems), "problem")
        text = f"Only {part('method', names[0])} was run, on {where}: there is nothing to compare."
        return replace(none, leaders=names, sentence=text)
    if len(comparison.problems) == 1:
        return replace(problems[0], problem="")
    tests = comparison.claims.over
    if not complete:
        return replace(none, sentence="No problem has runs of every method, so there is no ranking over problems.")
    if not np.isfinite(comparison.medians).any() and not np.isfinite(comparison.whole).any():
        return replace(none, sentence="No run of any method finished, so no ranking is possible.")
    if tests is None:
        return replace(none, sentence="No replicate has runs of every method on every problem: no ranking is possible.")
    table = overall(comparison)
    first = table[table["rank"] == 1]
    leaders, score = first["optimizer"].tolist(), float(first["mean_rank"].min())
    low, high = float(first["low"].min()), float(first["high"].max())
    row = Verdict("", leaders=leaders, score=score, low=low, high=high)
    row = _against(row, comparison, tests, ALL)
    these = (
        part("section", "scores", f"these {complete} problems")
        if complete > 1
        else f"the only problem that all ran on, {part('problem', comparison.complete[0])}"
    )
    ranks = "ranks first" if len(leaders) == 1 else "rank first together"
    mean = part("section", "leaderboard", f"mean rank {score:.2f}{span(low, high, '.2f', inside=True)}")
    text = f"Over {these} {named_methods(leaders)} {ranks} ({mean}){_claims(row, comparison, tests, ALL)}."
    text += f"{_same(_copies(comparison, comparison.complete))} {_by_problem(comparison, row)}"
    return replace(row, sentence=text)


def beyond_problems(comparison: Comparison) -> Verdict:
    """Whether the order holds for problems like these: they are the sample, one median score a method and problem."""
    table = overall(comparison)
    test, k, n = table.attrs["friedman"], len(comparison.methods), len(comparison.complete)
    places = level(test.mean_ranks)
    leaders = [name for name, place in zip(comparison.methods, places, strict=True) if place == 1]
    half = table.attrs["critical_difference"] / 2
    score = float(test.mean_ranks.min())
    row = Verdict(BEYOND, leaders=leaders, score=score, low=max(1.0, score - half), high=min(float(k), score + half))
    pairs = pairwise(comparison, problem=BEYOND)
    names = [name for name in comparison.methods if name not in leaders]
    if n < MANY:
        text = (
            f"Beyond these problems nothing is claimed: at least {MANY} problems are needed as the sample, and there "
            f"{'is' if n == 1 else 'are'} {n}."
        )
        return replace(row, tied=names, sentence=text)
    worse = [b for b in names if all(_better(pairs, a, b) == a for a in leaders)]
    tied = [b for b in names if b not in worse]
    closest = [_pair(pairs, a, b) for a in leaders for b in tied]
    row = replace(
        row,
        worse=worse,
        tied=tied,
        p_worse=max((_pair(pairs, a, b)["p_adjusted"] for a in leaders for b in worse), default=nan),
        p_tied=min((pair["p_adjusted"] for pair in closest), default=nan),
        more=min((int(pair["more"]) for pair in closest), default=0),
    )
    text = f"Beyond these problems, with the {n} of them as the sample (Friedman's test: {about(test.p)}), "
    lead = f"{named_methods(leaders)} {'has' if len(leaders) == 1 else 'share'} the lowest mean rank of median scores"
    text += f"{lead}, {score:.2f}"
    if worse:
        text += (
            f", and {_is(leaders)} significantly better than {named_methods(worse)} (Nemenyi {at_most(row.p_worse)})"
        )
    if tied:
        text += f"; {_not_distinguishable(row, 'Nemenyi ')}{_more(row, 'problem')}"
    return replace(row, sentence=f"{text}.")


def _pair(pairs: pd.DataFrame, a: str, b: str) -> pd.Series:
    return pairs[((pairs["a"] == a) & (pairs["b"] == b)) | ((pairs["a"] == b) & (pairs["b"] == a))].iloc[0]


def _better(pairs: pd.DataFrame, a: str, b: str) -> str:
    return str(_pair(pairs, a, b)["better"])


def _against(row: Verdict, comparison: Comparison, tests: Tests, problem: str) -> Verdict:
    """Who is worse than every leader, who is better than one, and who is neither, as the tests say."""
    index = {name: i for i, name in enumerate(comparison.methods)}
    leading = [index[name] for name in row.leaders]
    present = [*places(comparison, problem).methods] if problem != ALL else comparison.methods
    others = [index[name] for name in present if name not in row.leaders]
    worse = [i for i in others if tests.wins[leading, i].all()]
    better = [i for i in others if tests.wins[i, leading].any()]
    tied = [i for i in others if i not in worse and i not in better]
    p_tied = tests.adjusted[np.ix_(leading, tied)][~tests.wins[np.ix_(leading, tied)]]
    more = 0
    if tied and len(row.leaders) == 1:
        near = min(tied, key=lambda i: (tests.p[leading[0], i], i))
        level_p = [i for i in tied if tests.p[leading[0], i] == tests.p[leading[0], near]]
        more = min(
            int(pairwise(comparison, row.leaders[0], comparison.methods[i], problem)["more"].min()) for i in level_p
        )
    return replace(
        row,
        worse=[comparison.methods[i] for i in worse],
        better=[comparison.methods[i] for i in better],
        tied=[comparison.methods[i] for i in tied],
        p_worse=float(tests.adjusted[np.ix_(leading, worse)].max()) if worse else nan,
        p_tied=float(p_tied.min()) if tied else nan,
        more=more,
    )


def _claims(row: Verdict, comparison: Comparison, tests: Tests, problem: str) -> str:
    """Over whom the leaders are significantly better, by how much, and from whom they are not distinguishable."""
    if not tests.enough:
        n = int(tests.n.max())
        methods, problems = len(comparison.methods), len(comparison.problems)
        on = "" if problem == ALL or problems == 1 else f" on {problems} problems"
        return (
            f"; {count(n, 'replicate')} {'is' if n == 1 else 'are'} too few to test {methods} methods{on}: at least "
            f"{tests.needed} are needed, so no difference is claimed"
        )
    text = ""
    if row.worse:
        text += f" and {_is(row.leaders)} significantly better than "
        p = about(row.p_worse) if len(row.worse) == len(row.leaders) == 1 else at_most(row.p_worse)
        because = part(
            "section", "ranking" if problem == ALL else "scores", f"adjusted {p}{_effect(row, comparison, problem)}"
        )
        text += f"{named_methods(row.worse)} ({because})"
    if row.tied:
        text += f"; {_not_distinguishable(row)}{_more(row, 'replicate')}"
    if row.better:
        who = row.leaders[0] if len(row.leaders) == 1 else "at least one of them"
        text += f"; in pairs, however, {named_methods(row.better)} {_verb(row.better)} significantly better than {who}"
    return text


def _effect(row: Verdict, comparison: Comparison, problem: str) -> str:
    """By how much the leaders are better: the smallest difference of those that are claimed, beside its p."""
    frames = [pairwise(comparison, leader, name, problem) for leader in row.leaders for name in row.worse]
    pairs = pd.concat(frames)
    pairs = pairs[pairs["problem"] == problem]
    if problem == ALL:
        least = "" if len(pairs) == 1 else "at least "
        return f", probability of improvement {least}{digits(pairs['improvement'].min())}"
    nearest = pairs.loc[pairs["estimate"] == pairs["estimate"].max()].iloc[0]
    if nearest["effect"] == "ratio":
        words = "loss ratio" if len(pairs) == 1 else "loss ratio at most"
    else:
        words = "difference" if len(pairs) == 1 else "difference at least"
    return f", {words} {nearest['estimate']:.3g}{span(nearest['low'], nearest['high'], inside=True)}"


def _by_problem(comparison: Comparison, row: Verdict) -> str:
    """Where the leaders are significantly better than all others, and where worse than some, and how sure that is."""
    index = {name: i for i, name in enumerate(comparison.methods)}
    leading = [index[name] for name in row.leaders]
    others = [i for i in index.values() if i not in leading]
    wins, losses, p_wins = [], [], 0.0
    for problem in comparison.problems:
        tests = comparison.tests(problem)
        if others and tests.wins[np.ix_(leading, others)].all():
            wins.append(problem)
            p_wins = max(p_wins, float(tests.adjusted[np.ix_(leading, others)].max()))
        for leader in row.leaders:
            winners = [name for name, i in index.items() if tests.wins[i, index[leader]]]
            losses += [_loss(comparison, problem, leader, winner, len(leading) > 1) for winner in winners]
    who, (be, both) = (
        named_methods(row.leaders),
        ("is", "") if len(leading) == 1 else ("are", "both " if len(leading) == 2 else "all "),
    )
    if not wins and not losses:
        return f"On no single problem {be} {who} {both}significantly better than all others, or worse than any."
    won = [f"{both}significantly better than all others on {named_problems(wins)} ({at_most(p_wins)})"] if wins else []
    if len(leading) == 1:
        lost = [f"significantly worse on {'; on '.join(losses)}"] if losses else []
        return f"{who} {be} {' and '.join(won + lost)}."
    text = f"{who} {be} {won[0]}." if won else ""
    return f"{text}{' ' if won and losses else ''}{_lost(losses)}"


def _lost(losses: list[str]) -> str:
    return f"Significant losses of these: on {'; on '.join(losses)}." if losses else ""


def _loss(comparison: Comparison, problem: str, leader: str, winner: str, named: bool) -> str:
    pair = pairwise(comparison, leader, winner, problem).iloc[0]
    size = "loss ratio" if pair["effect"] == "ratio" else "difference"
    interval = span(pair["low"], pair["high"], inside=True)
    than = f"than {part('method', winner)}"
    if named:
        than = f"{part('method', leader)} {than}"
    return f"{part('problem', problem)} ({than}: {size} {pair['estimate']:.3g}{interval}, {about(pair['p_adjusted'])})"


def _solving(standing: Places) -> str:
    """How many replicates of each method solve the problem, the best first."""
    shares: dict[float, list[str]] = {}
    for name, place in standing.methods.items():
        shares.setdefault(place.solved, []).append(name)
    solved = [f"{named_methods(names)} {100 * share:.0f} %" for share, names in sorted(shares.items(), reverse=True)]
    what = "finish" if standing.below is None or not isfinite(standing.below) else f"reach {standing.below:.2g}"
    return f"outcomes are bimodal, so the share of replicates that {what} comes first: {', '.join(solved)}"


def _copies(comparison: Comparison, problems: list[str]) -> list[list[str]]:
    """Methods that are equal in every replicate on these problems."""
    tables = [comparison.scores(problem) for problem in problems]
    present = ~np.isnan(np.concatenate(tables)).all(axis=0)
    sets = [[comparison.methods[i] for i in one if present[i]] for one in identical(tables)]
    return [one for one in sets if len(one) > 1]


def _same(copies: list[list[str]]) -> str:
    return "".join(f" {named_methods(names)} are identical in every replicate." for names in copies)


def _not_distinguishable(row: Verdict, test: str = "") -> str:
    p = about(row.p_tied) if len(row.tied) == len(row.leaders) == 1 else at_least(row.p_tied)
    if len(row.leaders) == 1:
        return f"it is not statistically distinguishable from {named_methods(row.tied)} ({test}{p})"
    return f"at least one of them is not statistically distinguishable from {named_methods(row.tied)} ({test}{p})"


def _more(row: Verdict, word: str) -> str:
    """How many are missing, where that is a number worth a word."""
    return f": inconclusive; about {count(row.more, f'more {word}')} needed" if 0 < row.more < LARGEST else ""


def _is(leaders: list[str]) -> str:
    return "is" if len(leaders) == 1 else "both are" if len(leaders) == 2 else "all are"


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
