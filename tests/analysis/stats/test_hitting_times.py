"""Time to target by hand, and the expected best against every subset."""

from itertools import combinations
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optibench.analysis.stats.hitting_times import expected_best, order, reached
from optibench.analysis.stats.intervals import wilson
from optibench.errors import InputError


def test_expected_running_time_par10_and_median_by_hand():
    result = reached([10, inf, 30], [10, 100, 30], budget=100)
    assert result.ert == 140 / 2 and result.par10 == (10 + 1000 + 30) / 3 and result.median == 30
    assert (result.runs, result.successes, result.rate) == (3, 2, 2 / 3)
    assert (result.low, result.high) == wilson(2, 3)


def test_a_run_that_goes_on_after_its_hit_is_charged_up_to_the_hit():
    assert reached([10, inf], [80, 50], budget=100).ert == 60


def test_the_median_is_over_budget_when_fewer_than_half_reach():
    assert reached([10, inf, inf], [100] * 3, budget=100).median == inf
    assert reached([10, 20, inf, inf], [100] * 4, budget=100).median == 20  # the lower middle one, not inf


def test_what_happens_beyond_the_budget_does_not_count():
    assert reached([10, 150], [10, 150], budget=100) == reached([10, inf], [10, 100], budget=100)
    assert reached([100], [100], budget=100).successes == 1


def test_no_hit_at_all_is_infinite_and_never_nan():
    result = reached([inf, inf], [50, inf], budget=100)
    assert (result.successes, result.rate, result.ert, result.median) == (0, 0, inf, inf)
    assert result.par10 == 1000 and result.low == 0 and 0 < result.high < 1


def test_bad_runs_are_refused():
    for arguments, budget, reason in [
        (([1], [1, 2]), 10, "1 hits and 2 spent"),
        (([nan], [1]), 10, "hits: NaN"),
        (([1], [nan]), 10, "spent: NaN"),
        (([], []), 10, "hits: no values"),
        (([1], [1]), inf, "budget inf"),
        (([1], [1]), 0, "budget 0"),
    ]:
        with pytest.raises(InputError, match=reason):
            reached(*arguments, budget=budget)


runs = st.lists(st.sampled_from([0.0, 1.0, 50.0, 99.0, inf]), min_size=1, max_size=5)


@given(st.lists(runs, max_size=6))
def test_what_never_reached_a_target_is_never_before_what_did(hits):
    results = [reached(row, [100] * len(row), budget=100) for row in hits]
    ranked = [results[i] for i in order(results)]
    assert sorted(order(results)) == list(range(len(hits)))
    assert [r.successes == 0 for r in ranked] == sorted(r.successes == 0 for r in ranked)
    assert [r.ert for r in ranked] == sorted(r.ert for r in ranked)


def test_order_is_by_expected_running_time_and_a_hit_of_endless_cost_is_still_before_none():
    never = reached([inf], [1], budget=100)
    slow, fast = reached([90], [90], budget=100), reached([5, inf], [5, 40], budget=100)
    assert order([never, slow, fast, never]) == [2, 1, 0, 3]
    endless = type(slow)(**{**slow.__dict__, "ert": inf})
    assert order([never, endless]) == [1, 0]


# expected best

scores = st.lists(st.sampled_from([-2.0, 0.0, 0.1, 1.0, 3.0, 10.0, inf]), min_size=1, max_size=8)


@given(scores)
def test_expected_best_is_the_mean_over_every_subset(values):
    brute = [np.mean([min(draw) for draw in combinations(values, k)]) for k in range(1, len(values) + 1)]
    assert expected_best(values) == pytest.approx(brute)
    assert expected_best(values)[-1] == min(values)


@given(scores)
def test_more_trials_are_never_worse(values):
    curve = expected_best(values)
    assert not np.isnan(curve).any() and (curve[1:] <= curve[:-1] + 1e-12).all()
    assert (curve == inf).sum() == sum(v == inf for v in values)


def test_expected_best_is_exact_and_stable_for_many_trials():
    values = np.arange(1.0, 3001)
    K, k = 3000, np.arange(1, 3001)
    assert expected_best(values[::-1]) == pytest.approx((K + 1) / (k + 1), rel=1e-9)  # of 1..K, known in closed form
    values[-1] = inf
    assert np.isinf(expected_best(values)).tolist() == [True] + [False] * 2999


def test_a_weight_too_small_for_a_float_still_keeps_infinity():
    curve = expected_best([0.0] * 1500 + [inf] * 1500)
    assert (curve[:1500] == inf).all() and (curve[1500:] == 0).all()


def test_expected_best_of_up_to_k_trials():
    values = [3, 1, 2, inf, 5]
    assert expected_best(values, 3).tolist() == expected_best(values)[:3].tolist()
    for k in (0, 6):
        with pytest.raises(InputError, match=f"k = {k} must lie"):
            expected_best(values, k)
    for bad in ([], [nan], [-inf, inf]):
        with pytest.raises(InputError, match="scores"):
            expected_best(bad)
