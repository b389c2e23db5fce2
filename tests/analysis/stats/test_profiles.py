"""Profiles against examples worked out by hand, and what must hold for any costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optibench.analysis.stats.profiles import algoperf, area_over_curve, data_profile, ecdf, performance_profile
from optibench.errors import InputError

inf, nan = np.inf, np.nan
close = np.testing.assert_allclose

#: Three optimizers on five problems: ratios 1 2 4; 3 1 1; 1 1.5 -; - - - (nobody solves it); - 1 2.
COSTS = np.array([[10, 20, 40], [30, 10, 10], [10, 15, inf], [inf, inf, inf], [inf, 6, 12]])

levels = st.sampled_from([0.0, 1e-300, 0.5, 1.0, 1.5, 2.0, 3.0, 100.0, 1e300, inf])
tables = st.tuples(st.integers(1, 8), st.integers(1, 4)).flatmap(lambda shape: arrays(float, shape, elements=levels))
quick = settings(max_examples=60, deadline=None)
factors = st.lists(st.floats(1, 200) | st.just(inf), min_size=1, max_size=8).map(sorted)


def test_a_performance_profile_by_hand():
    found = performance_profile(COSTS, [0.5, 1, 1.5, 1.99, 2, 3, 4, 1e9, inf])
    close(found * 5, [[0, 2, 2, 2, 2, 3, 3, 3, 3], [0, 2, 3, 3, 4, 4, 4, 4, 4], [0, 1, 1, 1, 2, 2, 3, 3, 3]])


def test_a_profile_changes_with_the_field():
    assert performance_profile(COSTS[:, :2], [1])[0] == performance_profile(COSTS, [1])[0] == 0.4
    assert performance_profile(COSTS[:, [0, 2]], [1]).tolist() == [[0.4], [0.4]]  # the third gains a first place


def test_a_cost_of_zero_is_matched_by_zero_only():
    found = performance_profile([[0, 1, 0, inf]], [1, 1e300, inf])
    assert found.tolist() == [[1, 1, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]]
    assert algoperf([[0, 1, 0, inf]], exact=True).tolist() == [1, 0, 1, 0]


def test_a_data_profile_by_hand():
    costs, sizes = [[10, 30], [22, inf], [6, 3]], [9, 10, 2]  # in units of n + 1: 1 3; 2 -; 2 1
    close(data_profile(costs, sizes, [0, 0.99, 1, 2, 3, inf]) * 3, [[0, 0, 1, 3, 3, 3], [0, 0, 1, 1, 2, 2]])


def test_an_ecdf_by_hand():
    close(ecdf([[1, 5], [inf, 2], [3, inf], [3, 0]], [0, 1, 3, 4, inf]) * 4, [[0, 1, 3, 3, 3], [1, 1, 2, 2, 3]])


def test_the_score_of_algoperf_by_hand():
    # ratios 1, 3, 1, inf, inf: (3 + 1 + 3) / 3 of five; 2, 1, 1.5, inf, 1: (2 + 3 + 2.5 + 3) / 3; 4, 1, inf, inf, 2
    close(algoperf(COSTS, exact=True), [7 / 15, 10.5 / 15, 5 / 15])
    close(algoperf(COSTS, tau_max=2, exact=True), [2 / 5, 2.5 / 5, 1 / 5])
    # The grid has cells of 1 / 33: steps at 1 and 2 lie on it, 1.5 half way. A step's own point counts half a cell.
    close(algoperf(COSTS)[1], (99 + 66.5 + 82.5 + 0 + 99) / 99 / 5)
    assert algoperf([[1.0, 2.0]], tau_max=10).tolist()[0] == 1


def test_an_unsolved_problem_stays_in_the_denominator_of_algoperf():
    close(algoperf([[1.0], [inf]]), [0.5])
    close(algoperf([[1.0], [inf]], exact=True), [0.5])


def test_tables_that_are_none_are_refused_in_one_line():
    for function in (lambda c: performance_profile(c, [1]), lambda c: ecdf(c, [1]), algoperf):
        with pytest.raises(InputError, match=r"^costs\[0, 1\] is nan; a cost is 0 or more, inf if not solved$"):
            function([[1, nan]])
        with pytest.raises(InputError, match=r"^costs\[0, 0\] is -1; "):
            function([[-1, 2]])
        for empty in (np.ones((0, 2)), np.ones((2, 0)), np.ones(2)):
            with pytest.raises(InputError, match=r"at least one of each$"):
                function(empty)
    for sizes in ([1], [1, -2], [[1, 2]], [1, nan]):
        with pytest.raises(InputError, match=r"one number of parameters for each of 2$"):
            data_profile([[1], [2]], sizes, [1])
    for limits in ([nan], 3):
        with pytest.raises(InputError, match=r"^factors and budgets must be one row of numbers"):
            performance_profile([[1]], limits)
    for tau_max in (1, 0.5, inf, nan):
        with pytest.raises(InputError, match=f"^algoperf: tau_max = {tau_max:g} must be above 1 and finite$"):
            algoperf([[1]], tau_max)


# What must hold for any costs


def shares(costs, at):
    sizes = np.arange(len(costs))
    return [performance_profile(costs, at), data_profile(costs, sizes, at), ecdf(costs, at)]


@quick
@given(tables, factors)
def test_curves_rise_and_never_exceed_what_was_solved(costs, at):
    solved = np.isfinite(costs).mean(axis=0)
    for found in shares(costs, at):
        assert found.shape == (costs.shape[1], len(at)) and np.all(found >= 0)
        assert np.all(np.diff(found, axis=1) >= 0) and np.all(found <= solved[:, None])
    for found in shares(costs, [inf]):
        close(found[:, 0], solved)


@quick
@given(tables, factors)
def test_an_unsolved_problem_more_lowers_all_curves_by_the_share_of_it(costs, at):
    n = len(costs)
    more = np.vstack([costs, np.full(costs.shape[1], inf)])
    for found, other in zip(shares(costs, at), shares(more, at), strict=True):
        close(other, found * n / (n + 1))
    for exact in (False, True):
        close(algoperf(more, exact=exact), algoperf(costs, exact=exact) * n / (n + 1))


@quick
@given(tables, factors, st.randoms(use_true_random=False))
def test_optimizers_in_another_order_give_the_curves_in_that_order(costs, at, random):
    order = list(range(costs.shape[1]))
    random.shuffle(order)
    for found, other in zip(shares(costs, at), shares(costs[:, order], at), strict=True):
        assert np.array_equal(found[order], other)
    close(algoperf(costs)[order], algoperf(costs[:, order]))


@quick
@given(tables)
def test_each_solved_problem_has_a_best_and_a_twin_is_as_good(costs):
    first = performance_profile(costs, [1])[:, 0]
    assert first.sum() >= np.isfinite(costs).any(axis=1).mean() - 1e-12
    doubled = performance_profile(np.hstack([costs, costs[:, :1]]), [1, 2, 3])
    assert np.array_equal(doubled[0], doubled[-1])
    assert np.array_equal(doubled[:-1], performance_profile(costs, [1, 2, 3]))


@quick
@given(tables, st.floats(1.01, 50))
def test_the_trapezoid_of_algoperf_is_close_to_the_exact_integral(costs, tau_max):
    close(algoperf(costs, tau_max), algoperf(costs, tau_max, exact=True), atol=1 / 198 + 1e-9)


# One run


def test_an_area_over_a_curve_by_hand():
    # Until 2 nothing, then 60 of [0, 100] for 3, 80 would be worse, 20 from 7 to 10: (0 + 5 x .4 + 3 x .8) / 10
    close(area_over_curve([2, 5, 7], [60, 80, 20], 0, 100, 10), 0.44)
    close(area_over_curve([2, 5, 7, 11], [60, nan, 20, 0], 0, 100, 10), 0.44)  # nan, and beyond the budget
    close(area_over_curve([2, 2], [90, 60], 0, 100, 10), 0.8 * 0.4)  # two at one cost: the better
    # A loss of 1 in [.01, 100] is half way on a logarithmic scale; below .01 is .01, above 100 is 100.
    close(area_over_curve([0, 5], [1, 1e-9], 0.01, 100, 10), 0.75)
    close(area_over_curve([0, 5], [inf, 1], 0.01, 100, 10), 0.25)
    # Cost from 1 to 100 on a logarithmic axis: hit at 10 is hit half of the time, at 0 all of it.
    close(area_over_curve([10], [0], 0, 1, 100, log_cost=True), 0.5)
    close(area_over_curve([0], [0], 0, 1, 100, log_cost=True), 1)


def test_a_run_without_points_or_without_success_has_no_area():
    assert area_over_curve([], [], 0, 1, 10) == area_over_curve([], [], 0, 1, 10, log_cost=True) == 0
    assert area_over_curve([0, 1], [nan, nan], 0, 1, 10) == area_over_curve([0], [inf], 1, 2, 10) == 0
    assert area_over_curve([10], [0], 0, 1, 10) == 0


def test_a_single_target_is_hit_or_not():
    close(area_over_curve([1, 4], [3, 2], 2, 2, 10), 0.6)


def test_a_curve_that_is_none_is_refused_in_one_line():
    for steps, losses in (([1, 2], [1]), ([2, 1], [1, 1]), ([nan, 1], [1, 1]), ([[1]], [[1]])):
        with pytest.raises(InputError, match=r"^a curve has steps .* steps ascending$"):
            area_over_curve(steps, losses, 0, 1, 10)
    for low, high in ((2, 1), (-inf, 1), (0, inf), (nan, 1)):
        with pytest.raises(InputError, match=r"low must be at most high, both finite$"):
            area_over_curve([1], [1], low, high, 10)
    for budget, log_cost in ((0, False), (1, True), (inf, False), (nan, True)):
        with pytest.raises(InputError, match=f"^budget = {budget:g} must be above {log_cost:d} and finite$"):
            area_over_curve([1], [1], 0, 1, budget, log_cost)


curves = st.lists(st.tuples(st.floats(0, 20), st.floats(0.001, 50) | st.just(inf)), max_size=8).map(
    lambda points: (sorted(step for step, _ in points), [loss for _, loss in points])
)


@quick
@given(curves, st.booleans(), st.sampled_from([0.0, 0.01]), st.floats(0.1, 1))
def test_the_area_is_between_0_and_1_and_a_better_run_has_no_less(curve, log_cost, low, factor):
    steps, losses = curve
    area = area_over_curve(steps, losses, low, 10, 15, log_cost)
    assert 0 <= area <= 1
    assert area_over_curve(steps, [loss * factor for loss in losses], low, 10, 15, log_cost) >= area - 1e-12
    assert area_over_curve([step * factor for step in steps], losses, low, 10, 15, log_cost) >= area - 1e-12


@quick
@given(curves)
def test_the_area_is_the_mean_share_of_all_targets_hit_over_all_budgets(curve):
    steps, losses = curve
    targets = np.linspace(0, 10, 2001)[1:] - 0.0025
    hits = [min([step for step, loss in zip(steps, losses, strict=True) if loss <= t], default=inf) for t in targets]
    budgets = np.linspace(0, 15, 3001)[1:] - 0.0025
    close(area_over_curve(steps, losses, 0, 10, 15), ecdf(np.array(hits)[:, None], budgets).mean(), atol=2e-3)
