"""The signed-rank test against enumeration and SciPy; its interval against the test that it inverts."""

from itertools import product
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from optibench.analysis.stats.signed_rank import doubled_ranks, hodges_lehmann, signed_rank_p, wilcoxon
from optibench.errors import InputError

tied = st.sampled_from([-inf, -2.0, -1.0, 0.0, 1.0, 2.0, inf])


@pytest.mark.parametrize("n", [1, 2, 6, 20, 50, 51, 80])
def test_wilcoxon_is_scipys(n):
    d = np.random.default_rng(n).normal(0.3, 1, size=n)
    assert wilcoxon(d) == pytest.approx(stats.wilcoxon(d).pvalue)


@pytest.mark.parametrize("zeros", ["wilcox", "pratt"])
def test_with_many_ties_and_zeros_the_approximation_is_scipys(zeros):
    d = np.random.default_rng(0).integers(-4, 6, size=90)
    assert wilcoxon(d, zeros) == pytest.approx(stats.wilcoxon(d, zero_method=zeros, method="asymptotic").pvalue)


@pytest.mark.parametrize("zeros", ["wilcox", "pratt"])
@given(d=st.lists(tied, min_size=1, max_size=8))
def test_p_counts_all_signs_that_chance_could_give(zeros, d):
    d = np.array(d)
    kept = d[d != 0] if zeros == "wilcox" else d
    ranks = stats.rankdata(np.abs(kept)) * (kept != 0) if len(kept) else np.zeros(1)
    sums = np.array([ranks @ signs for signs in product([-1, 1], repeat=len(ranks))])
    observed = abs(ranks @ np.sign(kept)) if len(kept) else 0
    assert wilcoxon(d, zeros) == np.mean(np.abs(sums) >= observed)  # to the bit: both count whole numbers


def test_pratt_by_hand():
    """The zero has the rank 1, so the others have 2, 3, 4: the signs +++ and --- are the farthest of 8."""
    assert doubled_ranks([0.0, 1.0, 2.0, 3.0]).tolist() == [0, 4, 6, 8]
    assert wilcoxon([0, 1, 2, 3], "pratt") == 2 / 8
    assert wilcoxon([0, 0, 0, -1, 2, 3], "pratt") == 4 / 8  # the ranks 4, 5, 6: of the sums 3, 5, 7, 15 two are as far


def test_zeros_are_left_out_and_infinity_ranks_as_the_largest():
    assert wilcoxon([0, 0, 1, -2, 3, -4, 5]) == wilcoxon([1, -2, 3, -4, 5]) == 26 / 32
    assert wilcoxon([1, -2, 3, inf]) == wilcoxon([1, -2, 3, 4]) != wilcoxon([inf, -2, 3, -1])
    assert wilcoxon([-1, -2, -3, -4, -5, -inf]) == 2 / 2**6  # all of one sign, two-sided


def test_many_rows_are_each_as_if_alone_and_nan_is_no_difference(monkeypatch):
    monkeypatch.setattr("optibench.analysis.stats.signed_rank.CHUNK", 7)
    rng = np.random.default_rng(1)
    rows = rng.integers(-3, 4, size=(4, 8, 12)).astype(float)
    p = signed_rank_p(rows)
    assert p.shape == (4, 8)
    for index in np.ndindex(4, 8):
        assert p[index] == wilcoxon(rows[index], "pratt")
        gaps = np.insert(rows[index], [0, 5, 12], nan)
        assert signed_rank_p(gaps[None])[0] == p[index]
    assert signed_rank_p(np.empty((3, 0))).tolist() == [1, 1, 1] and signed_rank_p(np.full((1, 4), nan)) == 1


@given(st.lists(tied, min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_p_is_a_probability_without_sign_or_order(d, random):
    p = wilcoxon(d, "pratt")
    assert 0 < p <= 1 and p == wilcoxon([-x for x in d], "pratt") == wilcoxon(random.sample(d, len(d)), "pratt")


def test_at_fifty_the_smallest_p_is_exact():
    assert wilcoxon(np.arange(1.0, 51)) == 2.0**-49


@pytest.mark.parametrize("n", [1, 2, 10, 60])
def test_no_difference_at_all_has_p_one(n):
    assert wilcoxon(np.zeros(n)) == wilcoxon(np.zeros(n), "pratt") == 1.0
    for bad in ([], [nan]):
        with pytest.raises(InputError, match="wilcoxon"):
            wilcoxon(bad)
        with pytest.raises(InputError, match="hodges_lehmann"):
            hodges_lehmann(bad)


# Hodges and Lehmann's interval


@pytest.mark.parametrize("n", [6, 10, 20, 50])
def test_the_interval_holds_the_centres_that_the_test_does_not_reject(n):
    d = np.random.default_rng(n).standard_t(3, size=n)
    low, estimate, high = hodges_lehmann(d)
    width = 1e-9 * (high - low)
    assert low < estimate < high
    for end, inwards in ((low, width), (high, -width)):
        assert wilcoxon(d - end - inwards) > 0.05 >= wilcoxon(d - end + inwards)


def test_the_table_of_critical_ranks():
    """Hollander, Wolfe & Chicken 2014, table A.4: for n = 10 the 9th of 55 averages, for n = 20 the 53rd of 210."""
    for n, k in [(10, 9), (20, 53)]:
        d = np.random.default_rng(n).normal(size=n)
        i, j = np.triu_indices(n)
        averages = np.sort(d[i] / 2 + d[j] / 2)
        assert hodges_lehmann(d)[::2] == (averages[k - 1], averages[-k])
    assert hodges_lehmann([1.0, 2, 3, 4, 5]) == (-inf, 3, inf)
    large = np.random.default_rng(0).normal(size=80)
    assert wilcoxon(large - hodges_lehmann(large)[0]) == pytest.approx(0.05, abs=0.003)


@settings(max_examples=200)
@given(st.lists(tied, min_size=1, max_size=12))
def test_the_estimate_lies_in_its_interval_and_on_the_side_that_the_test_names(d):
    low, estimate, high = hodges_lehmann(d)
    assert low <= estimate <= high
    assert hodges_lehmann([-x for x in d]) == (-high, -estimate, -low)
    assert np.sign(estimate) * np.sign(doubled_ranks(d).sum()) >= 0
