"""How often pages claim what is not so, find what is so, and how often intervals hold the truth: simulated pages.

    python tests/analysis/simulate_claims.py

prints the figures of docs/statistics.md; test_claims.py runs a smaller version. Pages are comparisons of made-up
losses, one row a replicate, which go through the code of real ones.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from optibench.analysis.comparison import Comparison
from optibench.analysis.leaderboard import overall
from optibench.analysis.pairs import pairwise
from optibench.analysis.stats.intervals import interquartile_interval, median_interval, rank_interval
from optibench.analysis.stats.signed_rank import hodges_lehmann
from optibench.analysis.verdict import verdict

#: Losses of methods that do not differ: every method the same distribution in every replicate.
LOSSES = {
    "normal": lambda rng, shape: rng.normal(3, 1, shape),
    "lognormal": lambda rng, shape: rng.lognormal(0, 1, shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(1.5, shape),
    "tied": lambda rng, shape: rng.integers(0, 4, shape).astype(float),
    "diverging": lambda rng, shape: np.where(rng.random(shape) < 0.3, np.inf, rng.lognormal(0, 1, shape)),
}


def page(losses):
    """The comparison of losses (problems, replicates, methods)."""
    problems, replicates, methods = losses.shape
    index = itertools.product([f"p{i:02d}" for i in range(problems)], range(replicates), range(methods))
    rows = pd.DataFrame(index, columns=["problem", "seed", "optimizer"])
    names = np.array([f"m{i:02d}" for i in range(methods)])
    return Comparison(rows.assign(optimizer=names[rows["optimizer"]], score=losses.ravel(), status="finished"))


def claimed(comparison):
    """Whether the page names any difference."""
    claims = comparison.claims
    return any(tests.wins.any() for tests in [*claims.on, *([claims.over] if claims.over else [])])


def sizes(rng):
    """(problems, replicates, methods) of a page."""
    return int(rng.integers(1, 21)), int(rng.choice([10, 20])), int(rng.integers(2, 13))


def false_pages(kind, pages, rng):
    """The share of pages of equal methods that claim any difference."""
    return np.mean([claimed(page(LOSSES[kind](rng, sizes(rng)))) for _ in range(pages)])


def found(less, noise, pages, rng, problems=8, methods=6, replicates=20):
    """The shares of pages that name all losers over problems, and all on every problem; of pairs named on problems."""
    over, everywhere, pairs = [], [], []
    for _ in range(pages):
        losses = rng.lognormal(0, noise, (problems, replicates, methods))
        losses[:, :, 0] *= 1 - less
        claims = page(losses).claims
        named = np.array([tests.wins[0, 1:] for tests in claims.on])
        over.append(claims.over.wins[0, 1:].all())
        everywhere.append(named.all())
        pairs.append(named.mean())
    return float(np.mean(over)), float(np.mean(everywhere)), float(np.mean(pairs))


def half_everywhere(pages, rng, problems=8, methods=6, replicates=20):
    """The share of pages that name all losers everywhere, if one method has half the loss in every replicate."""
    named = []
    for _ in range(pages):
        losses = np.repeat(rng.lognormal(0, 1, (problems, replicates, 1)), methods, axis=2)
        losses[:, :, 1:] *= rng.uniform(2, 3, (problems, replicates, methods - 1))
        claims = page(losses).claims
        named.append(all(tests.wins[0, 1:].all() for tests in [*claims.on, claims.over]))
    return float(np.mean(named))


def coverage(draw, n, samples, rng):
    """How often the intervals of the median, of the centre of differences and of the interquartile mean are right."""
    many = np.sort(draw(rng, 1_000_000))
    median, middle = many[len(many) // 2], many[len(many) // 4 : -len(many) // 4].mean()
    inside = np.zeros(3)
    for _ in range(samples):
        x, y = draw(rng, (2, n))
        low, _, high = hodges_lehmann(x - y)
        ends = [median_interval(x), (low, high), interquartile_interval(x)]
        inside += [a <= truth <= b for (a, b), truth in zip(ends, (median, 0.0, middle), strict=True)]
    return inside / samples


def rank_coverage(shift, problems, n, samples, rng, methods=5):
    """How often the interval of the mean rank of the first and of another method is right; the first is better."""

    def ranks(replicates):
        losses = rng.normal(size=(replicates, problems, methods))
        losses[:, :, 0] -= shift
        return (losses.argsort(axis=2).argsort(axis=2) + 1.0).mean(axis=1)

    truth = ranks(100_000).mean(axis=0)[:2]
    inside = np.zeros(2)
    for _ in range(samples):
        low, high = rank_interval(ranks(n)[:, :2], 1 / problems)
        inside += (low <= truth) & (truth <= high)
    return inside / samples


def relabelled(pages, rng):
    """How many pages change anybody's fate when methods get each other's names and rows another order."""
    changed = 0
    for _ in range(pages):
        problems, methods = int(rng.integers(1, 5)), int(rng.integers(2, 6))
        kind = LOSSES[rng.choice([*LOSSES])]
        losses = kind(rng, (problems, 14, methods)) + rng.choice([0, 0, 1, 5], (problems, 1, methods))
        losses[:, :, -1] = losses[:, :, 0]  # a copy
        one = page(losses)
        names = dict(zip(one.methods, map(str, rng.permutation(one.methods)), strict=True))
        rows = one.rows.assign(optimizer=one.rows["optimizer"].map(names))
        rows = rows.iloc[rng.permutation(len(rows))]
        changed += fates(one, names) != fates(Comparison(rows), {name: name for name in one.methods})
    return changed


def fates(comparison, names):
    """What the page says about methods, under other names: places, who beats whom, and what every row calls them."""
    frames = [overall(comparison)[["optimizer", "rank", "mean_rank", "low", "high", "first_on"]].round(9)]
    frames[0]["optimizer"] = frames[0]["optimizer"].map(names)
    fates = [tuple(row) for row in frames[0].sort_values("optimizer").itertuples(index=False)]
    for row in verdict(comparison).itertuples():
        words = [sorted(names[name] for name in getattr(row, kind)) for kind in ("leaders", "tied", "worse", "better")]
        numbers = [f"{number:.9g}" for number in (row.score, row.low, row.high, row.p_tied, row.p_worse, row.more)]
        fates.append((row.problem, words, numbers))
    for pair in pairwise(comparison).itertuples():
        sides = sorted([names[pair.a], names[pair.b]])
        fates.append((pair.problem, *sides, round(pair.p_adjusted, 9), names.get(pair.better, "")))
    return sorted(map(str, fates))


def main(pages=200):
    rng = np.random.default_rng(0)
    for kind in LOSSES:
        print(
            f"{kind} losses, no method differs: {false_pages(kind, pages, rng):.1%} of {pages} pages claim a difference"
        )
    for less, noise in ((0.05, 0.05), (0.1, 0.1), (0.5, 0.3)):
        over, everywhere, pairs = found(less, noise, pages, rng)
        print(
            f"{less:.0%} less loss at {noise:.0%} noise: all losers named over 8 problems in {over:.1%} of pages, on "
            f"all of them in {everywhere:.1%}; {pairs:.1%} of pairs on problems"
        )
    print(
        f"half the loss in every replicate: all losers named everywhere in {half_everywhere(pages, rng):.1%} of pages"
    )
    print(f"{relabelled(pages, rng)} of {pages} relabelled pages change anybody's fate")
    for kind, n in itertools.product(("normal", "lognormal"), (10, 20)):
        median, centre, middle = coverage(LOSSES[kind], n, 20 * pages, rng)
        print(f"{kind}, {n}: median {median:.1%}, Hodges-Lehmann {centre:.1%}, interquartile mean {middle:.1%}")
    for shift, n in itertools.product((0, 1, 2), (10, 20)):
        first, other = rank_coverage(shift, 8, n, 10 * pages, rng)
        print(f"mean rank over 8 problems, {n} replicates, first better by {shift}: {first:.1%}, another's {other:.1%}")


if __name__ == "__main__":
    main()
