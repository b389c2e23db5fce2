"""Rank tests against printed tables, a simulation of their level, and what must hold for any data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from optibench.analysis.stats.adjust import benjamini_hochberg, fewest, holm, replicates_needed
from optibench.analysis.stats.ranks import (
    bonferroni_dunn,
    bonferroni_dunn_difference,
    conover,
    conover_holm,
    critical_difference,
    friedman,
    kendalls_w,
    nemenyi,
    quade,
    ranks,
    siegel,
    siegel_holm,
    wilcoxon_holm,
)
from optibench.errors import InputError

inf, nan = np.inf, np.nan
close = np.testing.assert_allclose

#: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets: Demšar 2006, table 6, higher is better; from scipy's tests.
DEMSAR = -np.array(
    [
        [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.94, 0.619, 0.972, 0.957],
        [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978],
        [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.0, 0.965, 0.614, 0.9751, 0.946],
        [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.0, 0.962, 0.669, 0.975, 0.970],
    ]
).T
#: "Bioestadistica para las ciencias de la salud", and Zar, "Biostatistical Analysis", example 12.6; from scipy's tests.
BIOSTATISTICS = np.array(
    [
        [4, 3, 5, 3, 5, 3, 2, 5, 4, 4, 4, 3],
        [2, 2, 1, 2, 3, 1, 2, 3, 2, 1, 1, 3],
        [2, 4, 3, 3, 4, 3, 3, 4, 4, 1, 2, 1],
        [3, 5, 4, 3, 4, 4, 3, 3, 3, 4, 4, 4],
    ]
).T
ZAR = np.array(
    [[7.0, 9.9, 8.5, 5.1, 10.3], [5.3, 5.7, 4.7, 3.5, 7.7], [4.9, 7.6, 5.5, 2.8, 8.4], [8.8, 8.9, 8.1, 3.3, 9.1]]
).T

PAIRWISE = [nemenyi, siegel, conover, siegel_holm, conover_holm, wilcoxon_holm]

#: Scores with many ties, and infinite ones.
levels = st.sampled_from([-1.5, 0.0, 1.0, 2.0, 7.25, 1e300, inf])
tables = st.tuples(st.integers(1, 7), st.integers(1, 5)).flatmap(lambda shape: arrays(float, shape, elements=levels))
quick = settings(max_examples=50, deadline=None)  # scipy permutes the signs of tied differences: tens of milliseconds


# What is printed elsewhere


def test_the_example_of_demsar():
    test = friedman(DEMSAR)
    assert (test.n, test.k) == (14, 4)
    close(test.mean_ranks, [3.143, 2.000, 2.893, 1.964], atol=5e-4)
    close(test.uncorrected, 9.2786, atol=5e-5)  # 9.28 in the paper
    close(test.iman_davenport, 3.6863, atol=5e-5)  # 3.69
    close(test.p_f, stats.f.sf(test.iman_davenport, 3, 39), rtol=1e-12)
    close([test.statistic, test.p], [10.2283464566929, 0.0167215803284414], rtol=1e-12)


@pytest.mark.parametrize(
    ("data", "statistic", "p"),
    [(BIOSTATISTICS, 18.9428571428571, 0.000280938375189499), (ZAR, 10.68, 0.0135882729582176)],
    ids=["biostatistics", "zar"],
)
def test_friedman_of_textbooks(data, statistic, p):
    test = friedman(data)
    close([test.statistic, test.p], [statistic, p], rtol=1e-12)


def test_the_f_of_tie_corrected_ranks_would_be_an_analysis_of_variance_and_without_ties_it_is():
    data = np.random.default_rng(5).normal(size=(9, 4))
    r = ranks(data)
    rows, columns = r - r.mean(axis=1, keepdims=True), r.mean(axis=0) - 2.5
    explained = 9 * (columns**2).sum()
    F = explained / 3 / (((rows**2).sum() - explained) / 24)
    close(friedman(data).iman_davenport, F, rtol=1e-12)


def test_critical_differences_of_demsar():
    close([critical_difference(4, 14), critical_difference(4, 14, 0.10)], [1.2536, 1.1180], atol=1e-4)
    close(bonferroni_dunn_difference(4, 14, 0.10), 1.04, atol=5e-3)
    one = np.sqrt(6.0)  # over the error of two optimizers on a problem, 1, and of ten on this many: q itself
    nemenyi_q = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]  # table 5 (a), .05
    dunn_q = [1.960, 2.241, 2.394, 2.498, 2.576, 2.638, 2.690, 2.724, 2.773]  # (b); 2.724 is a misprint of 2.734
    for k, a, b in zip(range(2, 11), nemenyi_q, dunn_q, strict=True):
        error = np.sqrt(k * (k + 1)) / one
        close(critical_difference(k, 1) / error, a, atol=1.01e-3)
        close(bonferroni_dunn_difference(k, 1) / error, b, atol=1.2e-2 if k == 9 else 1.01e-3)


def test_a_difference_of_mean_ranks_that_is_critical_has_p_alpha():
    r = np.array([[1, 2, 3], [1, 2, 3], [1, 3, 2.0]])
    p, q = nemenyi(r), bonferroni_dunn(r, 0)
    for alpha in (0.01, 0.05, 0.5):
        assert (p[0, 1] < alpha) == (critical_difference(3, 3, alpha) < 4 / 3)
        assert (q[1] < alpha) == (bonferroni_dunn_difference(3, 3, alpha) < 4 / 3)
    difference = np.abs(np.subtract(*r.mean(axis=0)[:2]))
    close(critical_difference(3, 3, p[0, 1]), difference, rtol=1e-6)
    close(bonferroni_dunn_difference(3, 3, q[1]), difference, rtol=1e-9)


def test_bonferroni_dunn_of_demsar_names_the_last_against_the_first_at_ten_percent_only():
    p = bonferroni_dunn(DEMSAR, 0)
    close(p, np.minimum(1, 3 * siegel(DEMSAR)[0]))
    assert p[0] == 1 and 0.04 < p[3] < 0.05 < p[1] < 0.10 and p[2] == 1


def test_quade_of_conover():
    """Conover 1999, page 375: sales of five brands of a lotion in seven stores; from the help of R's quade.test."""
    sales = [
        [5, 4, 7, 10, 12], [1, 3, 1, 0, 2], [16, 12, 22, 22, 35], [5, 4, 3, 5, 4], [10, 9, 7, 13, 10],
        [19, 18, 28, 37, 58], [10, 7, 6, 8, 7],
    ]  # fmt: skip
    test = quade(sales)
    close([test.statistic, test.p], [3.8293, 0.01519], rtol=1e-3)


def test_quade_ranks_the_widest_problem_highest_and_knows_the_extremes():
    assert quade([[1, 2, 3], [1, 2, 3]]).p == 0 and quade(np.ones((4, 3))).p == 1
    finite = quade([[1.0, 2, 9], [3, 2, 2.5], [1, 1, 4]])
    assert quade([[1.0, 2, inf], [3, 2, 2.5], [1, 1, 4]]) == finite  # a run that did not finish makes the widest range
    assert quade([[5.0], [6.0]]).p == 1


@quick
@given(tables)
def test_kendalls_w_is_the_mean_correlation_of_ranks(scores):
    """W = ((N - 1) r + 1) / N with r the mean of Spearman's correlations: Kendall & Gibbons 1990, section 6.2."""
    n, k = scores.shape
    r = ranks(scores)
    assert 0 <= kendalls_w(scores) <= 1 + 1e-12
    if n > 1 and k > 1 and all(len(set(row)) == k for row in r):
        correlations = np.corrcoef(r)[np.triu_indices(n, 1)]
        close(kendalls_w(scores), ((n - 1) * correlations.mean() + 1) / n, atol=1e-12)


def test_kendalls_w_of_zar():
    close(kendalls_w(ZAR), friedman(ZAR).statistic / 15)
    assert kendalls_w([[1, 2, 3]] * 4) == 1


def test_benjamini_hochberg_is_scipys():
    rng = np.random.default_rng(3)
    for m in (0, 1, 2, 5, 40):
        p = np.round(rng.uniform(size=m) ** 3, 2)
        close(benjamini_hochberg(p), stats.false_discovery_control(p) if m else p)


@pytest.mark.parametrize("tests", [1, 2, 3, 7, 28, 224])
@pytest.mark.parametrize("level", [0.05, 0.025])
def test_the_fewest_replicates_that_a_significant_difference_takes(tests, level):
    n = fewest(tests, level)
    assert 2.0 ** (1 - n) * tests < level <= 2.0 ** (2 - n) * tests


def test_replicates_needed():
    assert [replicates_needed(*each) for each in [(2, 1), (2, 2), (6, 8), (8, 8), (12, 20), (1, 5)]] == [
        6,
        8,
        14,
        15,
        17,
        1,
    ]


def test_holm_by_hand():
    close(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    close(holm([0.02, 0.021, 0.5]), [0.06, 0.06, 0.5])  # 2 x .021 is less than what came before
    close(holm([0.6, 0.9]), [1, 1])
    assert holm([]).shape == (0,) and holm([0.3]) == [0.3]


def test_pairs_by_hand():
    r = np.array([[1, 2, 3], [1, 2, 3], [1, 3, 2], [2, 1, 3]])  # rank sums 5, 8, 11: S = 18, V = 8
    close(siegel(r)[0, 2], 2 * stats.norm.sf(1.5 / np.sqrt(3 * 4 / 6 / 4)))
    close(conover(r)[0, 2], 2 * stats.t.sf(6 / np.sqrt(2 * (4 * 8 - 18) / (3 * 2)), 6))
    close(siegel_holm(r)[0], [1, 2 * siegel(r)[0, 1], 3 * siegel(r)[0, 2]])
    a, b = np.array([1.0, 5.0, 2.0, 9.0, 4.0, 3.0]), np.array([2.0, 7.0, 5.0, 13.0, 9.0, 9.0])
    close(wilcoxon_holm(np.stack([a, b], axis=1))[0, 1], 2 / 2**6)


def test_all_pairs_together_are_adjusted():
    scores = np.random.default_rng(11).normal(size=(8, 4)) + np.array([0, 1, 2, 2.5])
    i, j = np.triu_indices(4, 1)
    single = np.array([stats.wilcoxon(scores[:, a], scores[:, b]).pvalue for a, b in zip(i, j, strict=True)])
    for adjusted, p in [
        (siegel_holm, siegel(scores)[i, j]),
        (conover_holm, conover(scores)[i, j]),
        (wilcoxon_holm, single),
    ]:
        close(adjusted(scores)[i, j], holm(p), rtol=1e-12)
        assert np.any(holm(p) > p)


# The level


def test_friedman_rejects_a_true_hypothesis_one_time_in_twenty():
    rng = np.random.default_rng(20240229)
    tests = [friedman(scores) for scores in rng.normal(size=(4000, 25, 5))]
    assert 0.04 < np.mean([test.p <= 0.05 for test in tests]) < 0.06
    assert 0.04 < np.mean([test.p_f <= 0.05 for test in tests]) < 0.06


def test_with_ties_the_corrected_statistic_keeps_its_level_and_the_uncorrected_is_conservative():
    rng = np.random.default_rng(7)
    tests = [friedman(scores) for scores in rng.integers(0, 2, size=(3000, 25, 5))]
    assert 0.04 < np.mean([test.p <= 0.05 for test in tests]) < 0.06
    assert np.mean([test.p_f <= 0.05 for test in tests]) < 0.02


# Infinity and degenerate data


def test_inf_is_last_and_ties_with_inf():
    assert ranks([[inf, 1, inf, 5], [2, 2, 1, inf]]).tolist() == [[3.5, 1, 3.5, 2], [2.5, 2.5, 1, 4]]


def test_a_signed_rank_test_takes_an_infinite_difference_for_the_largest():
    a, b = np.arange(8.0), np.array([3.0, 2.5, 3.25, 5.0, inf, inf, inf, 6.5])
    finite = np.where(np.isinf(b), [0, 0, 0, 0, 104, 105, 106, 0], b)
    assert wilcoxon_holm(np.stack([a, b], 1))[0, 1] == stats.wilcoxon(a, finite).pvalue < 1
    both = np.where(np.arange(8) == 6, inf, a)  # row 6: both did not finish, no difference
    finite[6] = 6
    assert wilcoxon_holm(np.stack([both, b], 1))[0, 1] == stats.wilcoxon(a, finite).pvalue < 1


def test_a_nan_or_a_table_that_is_none_is_refused_in_one_line():
    for function in (ranks, friedman, *PAIRWISE):
        with pytest.raises(InputError, match=r"^scores\[1, 0\] is nan; an optimizer that did not finish must be inf$"):
            function([[1, 2], [nan, 3]])
        for empty in (np.ones((0, 3)), np.ones((3, 0)), np.ones(3)):
            with pytest.raises(InputError, match=r"at least one of each$"):
                function(empty)
    with pytest.raises(InputError, match=r"^control = 2 must be the column of an optimizer, 0 to 1$"):
        bonferroni_dunn([[1, 2]], 2)
    with pytest.raises(InputError, match=r"^control = -1"):
        bonferroni_dunn([[1, 2]], -1)
    for bad in ([0.1, nan], [1.5], [-0.1], [[0.1]]):
        with pytest.raises(InputError, match=r"^holm: p-values must be one row of numbers from 0 to 1, not "):
            holm(bad)


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (1, 4), (2, 2), (9, 4)])
@pytest.mark.parametrize("value", [0.0, 3.5, inf])
def test_all_equal_gives_p_one(shape, value):
    scores = np.full(shape, value)
    test = friedman(scores)
    assert (test.statistic, test.uncorrected, test.p, test.iman_davenport, test.p_f) == (0, 0, 1, 0, 1)
    assert test.mean_ranks.tolist() == [(shape[1] + 1) / 2] * shape[1]
    for function in PAIRWISE:
        assert function(scores).tolist() == np.ones((shape[1], shape[1])).tolist()
    assert bonferroni_dunn(scores, 0).tolist() == [1] * shape[1]


def test_one_optimizer_has_no_critical_difference():
    assert critical_difference(1, 9) == bonferroni_dunn_difference(1, 9) == 0


def test_perfect_agreement_is_an_infinite_f():
    test = friedman(np.tile([3.0, 1.0, 2.0], (6, 1)) * np.arange(1, 7)[:, None])
    assert (test.statistic, test.uncorrected, test.iman_davenport, test.p_f) == (12, 12, inf, 0)
    one = friedman([[3, 1, 2]])
    assert (one.statistic, one.iman_davenport, one.p_f) == (2, 0, 1)
    assert conover([[1, 2, 3.5], [4, 5, 6.5]]).tolist() == np.eye(3).tolist()
    assert conover([[1, 2, 2], [4, 5, 5]]).tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 1]]


@quick
@given(tables)
def test_no_result_is_nan_and_p_is_a_probability(scores):
    test = friedman(scores)
    assert 0 <= test.p <= 1 and 0 <= test.p_f <= 1 and test.iman_davenport >= 0 <= test.uncorrected
    assert test.uncorrected <= test.statistic + 1e-9
    for function in PAIRWISE:
        p = function(scores)
        assert np.all((p >= 0) & (p <= 1)) and np.array_equal(p, p.T) and np.all(np.diag(p) == 1)
    p = bonferroni_dunn(scores, 0)
    assert np.all((p >= 0) & (p <= 1)) and p[0] == 1


# What must hold for any scores


@quick
@given(tables, st.randoms(use_true_random=False))
def test_optimizers_in_another_order_give_the_results_in_that_order(scores, random):
    order = list(range(scores.shape[1]))
    random.shuffle(order)
    test, other = friedman(scores), friedman(scores[:, order])
    assert np.array_equal(ranks(scores)[:, order], ranks(scores[:, order]))
    assert np.array_equal(test.mean_ranks[order], other.mean_ranks)
    close([test.statistic, test.p, test.p_f], [other.statistic, other.p, other.p_f], rtol=1e-9)
    for function in PAIRWISE:
        close(function(scores)[np.ix_(order, order)], function(scores[:, order]), atol=1e-9)
    close(bonferroni_dunn(scores, order[0])[order], bonferroni_dunn(scores[:, order], 0), atol=1e-12)


@quick
@given(tables)
def test_a_strictly_monotone_transform_of_losses_leaves_ranks(scores):
    assert np.array_equal(ranks(scores), ranks(np.arctan(np.log(scores + 2))))


@quick
@given(tables)
def test_ranks_of_a_problem_sum_to_the_same(scores):
    k = scores.shape[1]
    assert np.all(ranks(scores).sum(axis=1) == k * (k + 1) / 2)


@quick
@given(arrays(float, st.integers(0, 12), elements=st.floats(0, 1)))
def test_holm_keeps_the_order_and_only_raises(p):
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert np.all(adjusted >= p) and np.all(adjusted <= 1) and np.all(np.diff(adjusted[order]) >= 0)
    assert np.all(adjusted <= np.minimum(1, p * len(p)))  # never more than Bonferroni's
    for i in range(len(p)):  # rejected at alpha: so are all smaller ones, each at alpha over how many are left
        close(adjusted[order[i]], min(1, max(p[order[j]] * (len(p) - j) for j in range(i + 1))))
