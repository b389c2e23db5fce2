"""Effect sizes against double loops, and what must hold whatever the scores are."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optibench.analysis.stats.effects import a12, cliffs_delta, paired, probability_of_improvement, win_tie_loss
from optibench.analysis.stats.signed_rank import differences, hodges_lehmann, wilcoxon
from optibench.errors import InputError

values = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 7.0, inf])
scores = st.lists(values, min_size=1, max_size=9)
pairs = st.lists(st.tuples(values, values), min_size=1, max_size=9).map(lambda rows: np.array(rows).T)


@given(scores, scores)
def test_a12_is_the_double_loop(a, b):
    wins = sum(1.0 if x < y else 0.5 if x == y else 0.0 for x in a for y in b)
    assert a12(a, b) == pytest.approx(wins / (len(a) * len(b)))
    assert a12 is probability_of_improvement


@given(scores, scores)
def test_a12_of_a_and_b_and_of_b_and_a_sum_to_one(a, b):
    assert a12(a, b) + a12(b, a) == pytest.approx(1)
    assert cliffs_delta(a, b) == 2 * a12(a, b) - 1 == pytest.approx(-cliffs_delta(b, a))


@given(scores, scores, st.randoms(use_true_random=False))
def test_the_order_of_the_runs_does_not_matter(a, b, random):
    assert a12(random.sample(a, len(a)), random.sample(b, len(b))) == a12(a, b)


@given(pairs)
def test_only_the_order_of_the_scores_matters(both):
    a, b = both
    assert a12(np.exp(a), np.exp(b)) == a12(a, b)
    assert win_tie_loss(np.exp(a), np.exp(b)) == win_tie_loss(a, b)


def test_lower_is_better_and_infinity_loses_to_every_finite_score():
    assert a12([1, 2], [3, 1e300]) == a12([1e300], [inf]) == cliffs_delta([1e300], [inf]) == 1
    assert a12([inf], [5, 6]) == 0 and cliffs_delta([inf], [5, 6]) == -1 and a12([inf, inf], [inf]) == 0.5
    assert win_tie_loss([1, inf, inf, 2, 3], [inf, inf, 1e300, 2, 2]) == (1, 2, 2)


@given(pairs)
def test_wins_ties_and_losses_are_counted_seed_by_seed(both):
    a, b = both
    assert win_tie_loss(a, b) == (sum(a < b), sum(a == b), sum(a > b))


def test_differences_of_infinities_are_never_nan():
    assert differences([inf, 1, inf, 3], [inf, inf, 1, 1]).tolist() == [0, -inf, inf, 2]
    assert differences([-1.5e308], [1.5e308]).tolist() == [-inf]


def test_nan_and_scores_of_unequal_number_are_refused():
    for call in (a12, cliffs_delta, win_tie_loss, paired):
        for a, b, reason in [([nan], [1], "a: NaN"), ([1], [nan], "b: NaN"), ([], [1], "a: no values")]:
            with pytest.raises(InputError, match=reason):
                call(a, b)
    for call in (win_tie_loss, paired):
        with pytest.raises(InputError, match="2 of a and 3 of b"):
            call([1, 2], [1, 2, 3])


# paired


def test_pairs_have_the_interval_and_the_test_that_belong_together():
    rng = np.random.default_rng(0)
    b = rng.exponential(size=20)
    a = b - 0.5 + 0.3 * rng.normal(size=20)
    result = paired(a, b)
    assert (result.low, result.estimate, result.high) == hodges_lehmann(a - b)
    assert result.n == 20 and result.p == wilcoxon(a - b) and result.median == pytest.approx(np.median(a - b))
    assert result.better == "a" and result.high < 0


def test_less_confidence_makes_a_narrower_interval():
    a, b = np.random.default_rng(0).exponential(size=(2, 15))
    half, most = paired(a, b, confidence=0.5), paired(a, b, confidence=0.99)
    assert most.low < half.low < half.high < most.high


@pytest.mark.parametrize("shift, better", [(-1.0, "a"), (1.0, "b"), (0.0, "")])
def test_better_is_the_lower_one_if_the_interval_excludes_no_difference(shift, better):
    z = np.random.default_rng(3).normal(size=25)
    assert paired(z - z.mean() + shift, np.zeros(25)).better == better


def test_diverged_runs_are_the_largest_differences():
    a, b = np.arange(12.0), np.arange(12.0) + 1
    b[3] = inf
    result = paired(a, b)
    assert result.median == result.estimate == -1 and result.better == "a"
    b[3:] = inf
    result = paired(a, b)
    assert result.median == result.estimate == -inf and result.low == -inf and result.better == "a"


def test_infinite_differences_both_ways_decide_nothing():
    result = paired([inf, 1, inf, 1], [1, inf, 1, inf])
    assert result.median == result.estimate == 0 and result.better == "" and result.p == 1
    assert (result.low, result.high) == (-inf, inf)


def test_one_pair_decides_nothing():
    for a, b in [(1, 5), (inf, 1), (2, 2)]:
        result = paired([a], [b])
        assert (result.n, result.low, result.high, result.p, result.better) == (1, -inf, inf, 1, "")


@pytest.mark.parametrize("value", [2.0, inf])
def test_equal_scores_do_not_differ(value):
    result = paired([value] * 7, [value] * 7)
    assert (result.median, result.estimate, result.low, result.high, result.p, result.better) == (0, 0, 0, 0, 1, "")


def test_huge_finite_scores_do_not_overflow():
    result = paired([0.0] * 9, [1e308, 1.1e308, 1.2e308] * 3)
    assert result.estimate == pytest.approx(-1.1e308) and result.better == "a" and result.high < 0


@given(pairs)
def test_swapping_a_and_b_swaps_the_signs_and_nothing_else(both):
    a, b = both
    there, back = paired(a, b), paired(b, a)
    assert (there.low, there.estimate, there.high, there.median) == (
        -back.high,
        -back.estimate,
        -back.low,
        -back.median,
    )
    assert there.p == back.p and {"a": "b", "b": "a", "": ""}[there.better] == back.better
    assert not any(isnan(x) for x in (there.low, there.high, there.median, there.p))


def test_scores_are_left_as_they_were():
    a, b = np.random.default_rng(0).exponential(size=(2, 6))
    a.setflags(write=False), b.setflags(write=False)
    paired(a, b), a12(a, b), win_tie_loss(a, b)
