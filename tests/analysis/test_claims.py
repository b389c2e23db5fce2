"""Claims hold: simulated pages, and no sentence, group or table that contradicts another."""

from __future__ import annotations

import re

import numpy as np
import pytest
import simulate_claims as simulate
import simulate_experiments as experiments
from hypothesis import example, given, settings
from hypothesis import strategies as st
from results_made import made

from optibench.analysis.comparison import Comparison
from optibench.analysis.pairs import ALL, BEYOND
from optibench.analysis.stats.claims import groups, identical, letters
from optibench.analysis.stats.intervals import (
    interquartile_interval,
    interquartile_mean,
    median_interval,
    optimality_gap,
    rank_interval,
)

# What the page guarantees


def test_pages_of_equal_methods_claim_a_difference_one_time_in_twenty_at_most():
    rng = np.random.default_rng(1)
    pages = [simulate.false_pages(kind, 40, rng) for kind in simulate.LOSSES]
    assert 0 < np.mean(pages) <= 0.05, pages  # 0 of 200 would be a procedure that never claims


def test_copies_of_one_rule_that_are_trained_and_tuned_do_not_differ():
    page = experiments.claims(0, ["beale", "xor-mlp"], copies=3, seeds=12, steps=20, lr="1e-3:0.3:3")
    assert page == {"default": 0, "lr": 0, "all": 0}


def test_what_differs_is_found():
    rng = np.random.default_rng(2)
    assert simulate.found(0.05, 0.05, 40, rng)[0] >= 0.95
    over, _, pairs = simulate.found(0.5, 0.3, 20, rng)
    assert over == 1 and pairs > 0.95
    assert simulate.half_everywhere(5, rng) == 1


def test_names_and_the_order_of_rows_change_nobodys_fate():
    assert simulate.relabelled(20, np.random.default_rng(3)) == 0


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
@pytest.mark.parametrize("n", [10, 20])
def test_intervals_cover_what_they_say(kind, n):
    median, centre, middle = simulate.coverage(simulate.LOSSES[kind], n, 2500, np.random.default_rng(n))
    assert median > 0.94 and centre > 0.94  # exact: 95 % or more, less three standard errors
    assert 0.92 < middle < 0.97


@pytest.mark.parametrize("shift", [0, 1.5, 3])
def test_intervals_of_mean_ranks_cover_what_they_say_next_to_the_first_rank_too(shift):
    for problems, n in [(2, 10), (8, 20)]:
        assert (simulate.rank_coverage(shift, problems, n, 600, np.random.default_rng(n)) > 0.92).all()


# No contradiction

SHIFTS = st.lists(st.sampled_from([0, 0, 1, 3, 40]), min_size=2, max_size=4)
PAGES = st.tuples(SHIFTS, st.integers(1, 3), st.integers(4, 14), st.integers(0, 10_000), st.sampled_from([0, 0.1, 0.5]))


def drawn(shifts, problems, replicates, seed, lost):
    """Losses of a few levels, many of them equal, some of them lost; each method worse by its shift."""
    rng = np.random.default_rng(seed)

    def column(shift):
        turned = shift if rng.random() < 0.8 else -shift
        values = rng.integers(1, 6, replicates) + turned + 50.0 * rng.integers(0, 2)
        return [None if rng.random() < lost else float(value) for value in values]

    return {f"p{i}": {f"m{j}": column(shift) for j, shift in enumerate(shifts)} for i in range(problems)}


def names_in(pattern, sentence):
    """The methods that a part of the sentence lists."""
    part = re.search(pattern, sentence)
    return set(re.findall(r"m\d", part[1])) if part else set()


@settings(max_examples=40, deadline=None)
@example(([1, 0], 1, 11, 566, 0.1))  # a tie at the very threshold
@given(PAGES)
def test_sentences_groups_and_tables_never_contradict_each_other(facts):
    results = made(drawn(*facts))
    pairs, verdict, board, ranks = results.pairwise(), results.verdict(), results.leaderboard(), results.ranks()
    assert (pairs["better"].ne("") <= (pairs["p_adjusted"] < 0.05)).all()
    tested = pairs[pairs["problem"] != BEYOND]
    assert (tested["better"].ne("") == (tested["p_adjusted"] < 0.05)).all()
    for row in pairs[pairs["better"].ne("")].itertuples():  # the effect is on the side of the winner
        neutral = float(row.effect == "ratio")
        assert (row.estimate < neutral) == (row.better == row.a) and row.estimate != neutral
        assert row.low <= row.estimate <= row.high <= neutral or row.high >= row.estimate >= row.low >= neutral
    better = {(row.problem, frozenset((row.a, row.b))): row.better for row in pairs.itertuples()}
    letter = {(row.problem, row.optimizer): set(row.groups) for row in board.itertuples()}
    letter |= {(ALL, row.optimizer): set(row.groups) for row in ranks.itertuples()}
    first = {(row.problem, row.optimizer): row.rank == 1 for row in board.itertuples()}
    first |= {(ALL, row.optimizer): row.rank == 1 for row in ranks.itertuples()}
    for problem, pair in better:
        if problem != BEYOND:
            a, b = pair
            assert bool(letter[problem, a] & letter[problem, b]) == (better[problem, pair] == "")
    for row in verdict.itertuples():
        problem = row.problem or (ALL if len(results.compare().problems) > 1 else "p0")
        if not row.leaders or problem == BEYOND:
            continue
        assert {name for name in row.leaders if first[problem, name]} == {
            n for (p, n), is_ in first.items() if p == problem and is_
        }
        others = set(row.tied) | set(row.worse) | set(row.better)
        assert others | set(row.leaders) == {name for p, name in first if p == problem}
        for name in others:
            winners = [better[problem, frozenset((leader, name))] for leader in row.leaders]
            if name in row.worse:
                assert winners == row.leaders
            elif name in row.better:
                assert name in winners
            else:
                assert "" in winners and name not in winners
        if "too few" in row.sentence:
            assert not row.worse and not row.better
        elif "in every replicate, so" not in row.sentence:
            assert names_in(r"significantly better than ([m\d, and]+) \(adjusted", row.sentence) == set(row.worse)
            assert names_in(r"not statistically distinguishable from ([m\d, and]+) \(p", row.sentence) == set(row.tied)
            assert names_in(r"however, ([m\d, and]+) (?:is|are) significantly better", row.sentence) == set(row.better)
    for where, winner in re.findall(r"(p\d) \((?:m\d )?than (m\d):", verdict["sentence"][0]):
        assert any(
            better[where, frozenset((leader, winner))] == winner for leader in verdict["leaders"][0] if leader != winner
        )


@settings(max_examples=20, deadline=None)
@given(PAGES)
def test_every_interval_contains_its_estimate(facts):
    results = made(drawn(*facts))
    pairs, board, ranks = results.pairwise(), results.leaderboard(), results.ranks()
    for frame, value, low, high in [
        (pairs, "estimate", "low", "high"),
        (board, "score", "low", "high"),
        (board, "mean", "mean_low", "mean_high"),
        (ranks, "mean_rank", "low", "high"),
    ]:
        assert ((frame[low] <= frame[value]) & (frame[value] <= frame[high])).all(), frame[[low, value, high]]


# Groups and copies


def beats(k, *pairs):
    wins = np.zeros((k, k), bool)
    for i, j in pairs:
        wins[i, j] = True
    return wins


def test_groups_by_hand():
    assert groups(beats(3)) == [(0, 1, 2)] and groups(beats(1)) == [(0,)] and groups(beats(0)) == []
    assert groups(beats(3, (0, 2))) == [(0, 1), (1, 2)]
    assert groups(beats(4, (0, 1), (2, 1))) == [(0, 2, 3), (1, 3)]  # what lies between 0 and 2 does not matter
    assert letters(beats(3, (0, 1), (0, 2), (1, 2)), np.array([3.0, 1.0, 2.0])) == ["c", "a", "b"]
    many = letters(~np.eye(60, dtype=bool), np.arange(60.0))
    assert len(set(many)) == 60


@given(st.integers(1, 7), st.integers(0, 10_000), st.floats(0, 1))
def test_two_share_a_group_if_and_only_if_they_do_not_differ(k, seed, share):
    wins = np.triu(np.random.default_rng(seed).random((k, k)) < share, 1)
    words = letters(wins, np.arange(k, dtype=float))
    for i in range(k):
        for j in range(i + 1, k):
            assert bool(set(words[i]) & set(words[j])) == (not wins[i, j])
    assert not any(set(a) < set(b) for a in groups(wins) for b in groups(wins))


def test_copies_are_found_and_infinite_ones_too():
    table = np.array([[1.0, 2, 1, np.inf], [np.inf, 3, np.inf, np.inf]])
    assert identical([table]) == [(0, 2)] and identical([table, np.ones((1, 4))]) == [(0, 2)]
    assert identical([table, np.arange(4.0)[None]]) == [] == identical([])


def test_a_pair_with_missing_replicates_is_tested_on_the_common_ones():
    rng = np.random.default_rng(0)
    whole = simulate.page(rng.normal(size=(1, 12, 3)) + np.array([0, 5, 9]))
    rows = whole.rows.drop(whole.rows.index[(whole.rows["optimizer"] == "m01") & (whole.rows["seed"] < 3)])
    tests = Comparison(rows).tests("p00")
    assert tests.n.tolist() == [[0, 9, 12], [9, 0, 9], [12, 9, 0]]
    assert tests.p[0, 1] == 2.0**-8 and tests.p[0, 2] == 2.0**-11 and tests.wins[0].tolist() == [False, True, True]


def test_without_common_replicates_nothing_is_tested_over_problems():
    rows = simulate.page(np.random.default_rng(0).normal(size=(2, 4, 2))).rows
    rows = rows.assign(seed=rows["seed"] + 4 * (rows["problem"] == "p01"))
    comparison = Comparison(rows)
    assert comparison.claims.over is None and comparison.ranks.shape == (0, 2)
    assert simulate.verdict(comparison)["sentence"][0].startswith("No replicate has runs of every method")


# Intervals by hand


def test_the_interval_of_the_median_is_two_order_statistics():
    values = np.arange(1.0, 21)
    assert median_interval(values) == (6, 15) and median_interval(values[:10]) == (2, 9)  # Conover 1999, table A3
    assert median_interval(values[:5]) == (-np.inf, np.inf)
    assert median_interval([1, 2, 3, 4, 5, np.inf, np.inf, np.inf]) == (1, np.inf)


def test_the_interval_of_the_interquartile_mean():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 100])
    low, high = interquartile_interval(values)
    winsorized = np.array([3.0, 3, 3, 4, 5, 6, 7, 8, 8, 8])
    error = winsorized.std(ddof=1) * np.sqrt(9 / (6 * 5)) * np.sqrt(6 / 5)
    assert (low + high) / 2 == pytest.approx(5.5) and high - low == pytest.approx(2 * 2.570582 * error, rel=1e-6)
    assert interquartile_interval([1.0, 2, np.inf, np.inf])[1] == np.inf == interquartile_interval([3.0])[1]
    huge = interquartile_interval(values * 1e300)
    assert np.isfinite(huge).all() and huge[0] == pytest.approx(low * 1e300)


def test_one_replicate_has_no_interval_of_ranks():
    low, high = rank_interval(np.array([[1.0, 2.0]]), 1.0)
    assert np.isneginf(low).all() and np.isposinf(high).all()


def test_the_optimality_gap_is_rliables():
    scores = np.random.default_rng(0).normal(size=(7, 4))
    gamma = 0.3  # rliable: gamma - mean(minimum(scores, gamma)), higher is better
    assert optimality_gap(-scores, -gamma, axis=0) == pytest.approx(gamma - np.minimum(scores, gamma).mean(axis=0))
    assert optimality_gap([0.1, 0.2], 0.5) == 0 and optimality_gap([np.inf, 0.2], 0.5) == np.inf
    assert interquartile_mean([0.1, 0.2]) == pytest.approx(0.15)
