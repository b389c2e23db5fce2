"""Outcomes of two kinds are found where some replicates solve a problem and some do not, and hardly ever elsewhere."""

from math import inf

import numpy as np
import pytest

from optibench.analysis.stats.bimodal import solved, solved_below


def test_some_finish_and_some_do_not():
    assert solved_below([np.array([1.0, 1.1, inf, inf])]) == inf
    assert solved_below([np.array([1.0, 1.1, 1.2, inf])]) is None  # one is no kind
    assert solved_below([np.array([inf] * 4), np.array([1.0] * 4)]) is None  # each method is of one kind
    assert solved(np.array([1.0, 1.1, inf, inf]), inf) == 0.5


def test_a_clear_gap_between_losses_of_a_method():
    column = np.array([1e-8, 2e-8, 1e-8, 3e-8, 0.1, 0.2, 0.15, 0.12])
    limit = solved_below([column, np.full(8, 0.3)])
    assert 1e-6 < limit < 1e-3 and solved(column, limit) == 0.5 and solved(np.full(8, 0.3), limit) == 0
    assert solved_below([column[:5]]) is None
    assert solved_below([np.array([-9.0, -9.1, -9.2, 4.0, 4.1])]) == pytest.approx(-2.5)
    assert solved_below([np.array([1.0, 1.0, 1.5, 1.5])]) is None  # not even a factor of two
    assert solved_below([]) is None and solved_below([np.array([])]) is None


def test_the_order_of_methods_and_replicates_does_not_matter():
    rng = np.random.default_rng(0)
    columns = [np.exp(rng.normal(size=10) + 12 * (rng.random(10) < 0.4)) for _ in range(4)]
    limit = solved_below(columns)
    assert limit is not None and limit == solved_below([rng.permutation(column) for column in columns[::-1]])


@pytest.mark.parametrize("n", [10, 20])
def test_losses_of_one_kind_are_hardly_ever_called_bimodal(n):
    rng = np.random.default_rng(n)
    for draw, most in ((rng.normal, 0.004), (rng.lognormal, 0.004), (rng.uniform, 0.03)):
        flagged = np.mean([solved_below([draw(size=n)]) is not None for _ in range(2000)])
        assert flagged < most, draw
    apart = [solved_below([np.exp(rng.normal(size=n) + 14 * (np.arange(n) < 0.4 * n))]) is not None for _ in range(300)]
    assert np.mean(apart) > 0.95
