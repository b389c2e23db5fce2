"""Intervals against SciPy, against their nominal coverage, and on data that have no spread or no end."""

from math import inf, nan, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from optibench.analysis.stats.intervals import (
    CHUNK,
    MOST_REPLICATES,
    acceleration,
    bias,
    bootstrap,
    checked,
    distribution,
    interquartile_mean,
    more_replicates,
    quantile,
    resample,
    signed_ranks,
    t_test_power,
    wilson,
)
from optibench.errors import InputError

scores = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.5, inf]), min_size=1, max_size=9)


def mean(strata):
    return strata[0].mean(-1)


def median(strata):
    return quantile(strata[0], 0.5)


def pooled(strata):
    """Interquartile mean over all problems."""
    return interquartile_mean(np.concatenate(strata, -1))


@settings(deadline=None)  # the first call of SciPy is slow
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30))
def test_interquartile_mean_is_scipys_trimmed_mean(values):
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(np.array(values, float), 0.25))


def test_interquartile_mean_takes_an_axis_and_leaves_its_argument_alone():
    values = np.random.default_rng(0).normal(size=(6, 5))
    values.setflags(write=False)
    assert interquartile_mean(values, axis=0) == pytest.approx(stats.trim_mean(values, 0.25, axis=0))


def test_interquartile_mean_ignores_a_quarter_of_diverged_runs_and_no_more():
    assert interquartile_mean([1, 2, 4, inf]) == 3 and interquartile_mean([1, 2, inf, inf]) == inf
    assert interquartile_mean([inf] * 4) == inf
    with pytest.raises(InputError, match="-inf and inf both"):
        interquartile_mean([-inf, -inf, inf, inf])


@given(scores, st.floats(0, 1))
def test_a_quantile_is_one_of_the_values_even_next_to_infinity(values, q):
    assert quantile(values, q) in values


def test_quantiles_are_the_lower_order_statistic_along_the_axis():
    assert quantile([[1, 2, inf, inf], [inf, 3, 5, 4]], 0.5).tolist() == [2, 4]
    assert quantile([[1, inf], [2, 3]], 0.5, axis=0).tolist() == [1, 3]


@pytest.mark.parametrize("values, reason", [([], "no values"), ([1, nan], "NaN among")])
def test_nothing_and_nan_are_refused_in_one_line(values, reason):
    for call in (quantile, interquartile_mean):
        with pytest.raises(InputError, match=reason) as error:
            call(values, *([0.5] if call is quantile else []))
        assert "\n" not in str(error.value)
    for samples in ([values], np.array(values, float)):
        with pytest.raises(InputError):
            bootstrap(samples, mean)
    assert checked([inf], "x").tolist() == [inf]


# bootstrap


def scipys(samples, statistic, method, theta, confidence):
    """scipy.stats.bootstrap on the replicates that we drew."""
    return stats.bootstrap(
        samples,
        lambda *strata, axis: statistic(list(strata)),
        vectorized=True,
        axis=-1,
        n_resamples=0,
        method=method,
        confidence_level=confidence,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=theta),
    ).confidence_interval


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("statistic", [mean, pooled, lambda strata: strata[0].std(-1)])
@pytest.mark.parametrize("draw", ["integers", "exponential"])
@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_intervals_of_one_sample_are_scipys_on_the_same_replicates(method, statistic, draw, confidence):
    rng = np.random.default_rng(5)
    sample = rng.integers(0, 6, 14).astype(float) if draw == "integers" else rng.exponential(size=23) ** 2
    theta = distribution(sample, statistic, replicates=999, seed=3)
    ours = bootstrap(sample, statistic, replicates=999, confidence=confidence, method=method, seed=3)
    low, high = scipys([sample], statistic, method, theta, confidence)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    assert ours.method == method and ours.estimate == statistic([sample]) and ours.confidence == confidence


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_intervals_of_strata_of_unequal_sizes_are_scipys(method):
    rng = np.random.default_rng(6)
    strata = [rng.exponential(size=5), rng.integers(0, 4, 9).astype(float), rng.normal(size=12) ** 2]

    def statistic(strata):
        return (strata[0].mean(-1) + strata[1].mean(-1) + strata[2].mean(-1)) / 3

    theta = distribution(strata, statistic, replicates=800, seed=1)
    ours = bootstrap(strata, statistic, replicates=800, method=method, seed=1)
    low, high = scipys(strata, statistic, method, theta, 0.95)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-9)


def test_replicates_that_tie_with_the_estimate_count_half():
    assert bias(np.array([1.0, 2.0, 2.0, 3.0]), 2.0) == 0
    assert bias(np.array([1.0, 2.0, 2.0, 2.0]), 2.0) == pytest.approx(stats.norm.ppf(5 / 8))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_acceleration_has_no_scale(scale):
    sample = np.array([1.0, 2, 2, 9])
    assert acceleration(sample * scale, mean) == pytest.approx(acceleration(sample, mean)) and acceleration(
        sample, mean
    )


def test_the_mean_of_paired_differences_lies_in_its_interval_as_often_as_the_interval_says():
    rng = np.random.default_rng(2024)
    inside = 0
    for trial in range(1500):
        a, b = rng.normal(size=(2, 60))
        interval = bootstrap(a - b + 0.3, mean, replicates=500, seed=trial)
        inside += interval.low <= 0.3 <= interval.high
    assert 0.93 <= inside / 1500 <= 0.97


def test_bca_covers_a_skewed_mean_better_than_percentile():
    rng = np.random.default_rng(7)
    inside = {"bca": 0, "percentile": 0}
    for trial in range(800):
        sample = rng.exponential(size=25) ** 2  # mean 2
        for method in inside:
            interval = bootstrap(sample, mean, replicates=400, method=method, seed=trial)
            inside[method] += interval.low <= 2 <= interval.high
    assert inside["bca"] > inside["percentile"]


def test_the_same_seed_gives_the_same_interval_and_another_another():
    sample = np.random.default_rng(0).exponential(size=20)
    first, same, other = (bootstrap(sample, mean, replicates=500, seed=seed) for seed in (1, 1, 2))
    assert first == same and first != other


def test_resampling_stays_within_each_problem_and_draws_with_replacement():
    strata = [np.arange(4.0), 100 + np.arange(7.0), 1000 + np.arange(2.0)]
    seen = []

    def statistic(strata):
        seen.append(strata)
        return sum(stratum.mean(-1) for stratum in strata)

    distribution(strata, statistic, replicates=300)
    for own, drawn in zip(strata, seen[0], strict=True):
        assert drawn.shape == (300, len(own)) and set(np.unique(drawn)) == set(own)
        assert any(len(set(row)) < len(own) for row in drawn)


def test_resampled_indices_are_uniform_and_independent_across_strata():
    first, second = resample(np.random.default_rng(0), [4, 4], 5000)
    assert np.bincount(first.ravel()) / 20_000 == pytest.approx([0.25] * 4, abs=0.02)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.03


def test_replicates_come_in_chunks_that_do_not_change_them(monkeypatch):
    sample, sizes = np.random.default_rng(0).exponential(size=30), []

    def statistic(strata):
        sizes.append(strata[0].size)
        return strata[0].mean(-1)

    whole = bootstrap(sample, statistic, replicates=1000)
    monkeypatch.setattr("optibench.analysis.stats.intervals.CHUNK", 200)
    sizes.clear()
    assert bootstrap(sample, statistic, replicates=1000) == whole
    assert max(sizes) <= 200


def test_a_large_bootstrap_stays_below_a_hundred_megabytes():
    import tracemalloc

    sample = np.arange(40_000.0)
    tracemalloc.start()
    bootstrap(sample, pooled, replicates=100, method="percentile")
    assert tracemalloc.get_traced_memory()[1] < 100e6 and 100 * len(sample) > CHUNK
    tracemalloc.stop()


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, inf])
@pytest.mark.parametrize("statistic", [mean, median, pooled])
def test_equal_values_make_an_interval_without_width(value, statistic):
    interval = bootstrap(np.full(5, value), statistic, replicates=100)
    assert interval.low == interval.estimate == interval.high == pytest.approx(value)
    assert interval.method == "constant"


@pytest.mark.parametrize("samples", [np.array([2.0]), [np.array([1.0]), np.array([5.0])], np.array([inf])])
def test_one_value_a_problem_says_nothing_about_the_spread(samples):
    interval = bootstrap(samples, mean, replicates=100)
    assert (interval.low, interval.high, interval.method) == (-inf, inf, "one value")


def test_infinite_replicates_make_percentiles_that_are_replicates():
    sample = np.array([1.0, 2, 3, 4, inf])
    interval = bootstrap(sample, mean, replicates=1000)
    theta = np.sort(distribution(sample, mean, replicates=1000))
    assert interval.method == "order statistics" and interval.estimate == interval.high == inf
    assert interval.low == theta[24]


def test_infinite_replicates_leave_the_interval_of_the_negated_sample_the_negated_interval():
    sample = np.append(np.random.default_rng(0).exponential(size=12), inf)
    up, down = (bootstrap(sign * sample, mean, replicates=1000, confidence=0.5) for sign in (1, -1))
    assert up.method == "order statistics" and np.isfinite(up.low)  # a quarter of 1000 has no rounding to hide behind
    assert (down.low, down.high) == (-up.high, -up.low)


def test_huge_finite_replicates_do_not_overflow_between_two_of_them():
    with np.errstate(over="raise", invalid="raise"):
        interval = bootstrap(np.array([-1.7e308, 1.6e308, 1.0]), median, replicates=30)
    assert (interval.low, interval.high) == (-1.7e308, 1.6e308) and interval.method == "order statistics"


def test_a_problem_with_one_seed_adds_no_spread():
    sample = np.random.default_rng(0).exponential(size=12)

    def total(strata):
        return strata[0].mean(-1) + strata[1].mean(-1)

    with_one = [np.array([5.0]), sample]
    assert acceleration(with_one, total) == pytest.approx(acceleration(sample, mean))
    interval = bootstrap(with_one, total, replicates=500)
    assert interval.method == "bca" and 5 < interval.low < interval.high < inf


def test_bca_falls_back_to_percentile_where_its_constants_do_not_exist():
    sample = np.array([1.0, 2, 3, 4, 5])

    def lowest(strata):  # no replicate is below the estimate, and only few are equal: then all are above
        return strata[0].min(-1) + (strata[0] != sample).any(-1)

    interval = bootstrap(sample, lowest, replicates=50, seed=1)
    percentile = bootstrap(sample, lowest, replicates=50, seed=1, method="percentile")
    assert interval == percentile and interval.method == "percentile"


def test_acceleration_is_nothing_when_leaving_one_out_changes_nothing_and_never_nan():
    assert acceleration(np.array([1.0, 1, 1, 1, 9]), median) == 0
    interval = bootstrap(np.array([1.0, 1, 1, 1, 9, 9]), median, replicates=500)
    assert interval.low == 1 and interval.high == 9 and interval.method == "bca"
    assert acceleration(np.array([1.0, 1, inf]), lambda strata: strata[0].max(-1)) == inf


@settings(deadline=None)
@given(scores, st.sampled_from(["bca", "percentile"]))
def test_no_sample_of_scores_makes_a_nan_or_a_crash(values, method):
    for statistic in (mean, median, pooled):
        interval = bootstrap(np.array(values), statistic, replicates=40, method=method)
        assert interval.low <= interval.high


def test_bad_settings_are_refused_by_name():
    sample = np.arange(3.0)
    for setting, reason in [
        ({"confidence": 1}, "confidence 1"),
        ({"replicates": 0}, "0 replicates"),
        ({"method": "basic"}, "no method 'basic'"),
    ]:
        with pytest.raises(InputError, match=reason):
            bootstrap(sample, mean, **setting)
    with pytest.raises(InputError, match="no samples"):
        bootstrap([], mean)
    with np.errstate(invalid="ignore"), pytest.raises(InputError, match="NaN on a replicate"):
        bootstrap(np.array([-inf, inf, 1, 2]), mean)


# wilson


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(successes, trials, confidence):
    successes = min(successes, trials)
    theirs = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson(successes, trials, confidence) == pytest.approx(tuple(theirs), abs=1e-12)


def test_wilson_knows_nothing_without_trials_and_refuses_what_cannot_be():
    assert wilson(0, 0) == (0, 1) and wilson(0, 5)[0] == 0 and wilson(5, 5)[1] == 1
    for call in (lambda: wilson(3, 2), lambda: wilson(-1, 2), lambda: wilson(1, 2, 1.0)):
        with pytest.raises(InputError, match="wilson"):
            call()


def test_wilson_covers_95_in_100_averaged_over_shares():
    p = np.linspace(0.005, 0.995, 199)
    for trials in (5, 20, 50):
        ends = [wilson(k, trials) for k in range(trials + 1)]
        covered = sum(stats.binom.pmf(k, trials, p) * ((low <= p) & (p <= high)) for k, (low, high) in enumerate(ends))
        assert 0.94 <= covered.mean() <= 0.97


# more seeds


def standard(n, effect):
    """n differences of standard deviation 1 and this mean."""
    z = np.random.default_rng(n).normal(size=n)
    return (z - z.mean()) / z.std(ddof=1) + effect


@pytest.mark.parametrize("effect, pairs", [(0.2, 199), (0.5, 34), (0.8, 15)])  # as in G*Power: paired, two-sided
def test_more_replicates_makes_up_to_the_textbook_number_of_pairs(effect, pairs):
    assert more_replicates(standard(10, effect)) == more_replicates(-standard(10, effect)) == pairs - 10
    assert more_replicates(standard(10, effect) * 1e300) == pairs - 10
    assert more_replicates(standard(300, effect)) == 0


def test_more_replicates_is_the_fewest_with_the_power():
    d = standard(6, 0.4)
    for alpha, power in [(0.05, 0.8), (0.01, 0.9), (0.05, 0.5)]:
        n = 6 + more_replicates(d, alpha=alpha, power=power)
        assert t_test_power(n, 0.4, alpha) >= power > t_test_power(n - 1, 0.4, alpha)


def test_power_is_the_share_of_t_tests_that_find_the_difference():
    samples = np.random.default_rng(1).normal(0.6, 1, size=(40_000, 12))
    p = stats.ttest_1samp(samples, 0, axis=-1).pvalue
    assert t_test_power(12, 0.6) == pytest.approx((p < 0.05).mean(), abs=0.01)
    assert t_test_power(12, 0.0) == pytest.approx(0.05) and t_test_power(2, 1e12) == 1.0


def test_power_never_falls_nor_fails_as_seeds_are_added():
    for effect in (1e-9, 0.01, 0.3, 1.0, 30.0):
        powers = [t_test_power(n, effect) for n in [*range(2, 60), 100, 1000, 10_000]]
        assert np.isfinite(powers).all() and (np.diff(powers) > -1e-9).all()


def test_more_replicates_on_degenerate_differences():
    assert more_replicates([]) == 2 and more_replicates([3]) == 1 and more_replicates([inf]) == 1
    assert (
        more_replicates([0, 0, 0]) == more_replicates([1, -1]) == more_replicates(standard(10, 1e-6)) == MOST_REPLICATES
    )
    assert more_replicates([2, 2, 2]) == 0 and more_replicates([inf, inf, inf]) == 0
    assert more_replicates([inf, -inf]) == MOST_REPLICATES
    assert more_replicates([-inf, 1, 2, -3]) == more_replicates([-4, 1, 2, -3])
    for bad in ({"alpha": 0}, {"power": 1}):
        with pytest.raises(InputError, match="more_replicates"):
            more_replicates([1, 2], **bad)
    with pytest.raises(InputError, match="NaN"):
        more_replicates([1, nan])


def test_signed_ranks_put_infinity_last_and_share_ties():
    assert signed_ranks(np.array([-2.0, inf, 1, 2, -inf])).tolist() == [-2.5, 4.5, 1, 2.5, -4.5]


def test_the_interval_of_a_normal_mean_is_about_the_textbook_one():
    sample = standard(40, 0.0)
    half = 1.96 / sqrt(40)
    interval = bootstrap(sample, mean)
    assert (interval.low, interval.high) == pytest.approx((-half, half), abs=0.05)
