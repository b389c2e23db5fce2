"""Post-hoc tests after Friedman's against scikit-posthocs, with and without ties; Holm's against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from optibench.analysis.stats.adjust import holm
from optibench.analysis.stats.ranks import conover, conover_holm, friedman, nemenyi, siegel, siegel_holm, wilcoxon_holm

posthocs = pytest.importorskip("scikit_posthocs", reason="scikit-posthocs is not installed")


def tables():
    rng = np.random.default_rng(17)
    for n, k in [(3, 3), (6, 4), (12, 5), (14, 3), (30, 6), (60, 4)]:
        shift = rng.normal(size=k)
        yield rng.normal(size=(n, k)) + shift
        yield rng.integers(0, 4, size=(n, k)) + np.round(shift)


CASES = {
    "nemenyi": (nemenyi, posthocs.posthoc_nemenyi_friedman),
    "siegel": (siegel, posthocs.posthoc_siegel_friedman),
    "siegel_holm": (siegel_holm, lambda a: posthocs.posthoc_siegel_friedman(a, p_adjust="holm")),
    "conover": (conover, posthocs.posthoc_conover_friedman),
    "conover_holm": (conover_holm, lambda a: posthocs.posthoc_conover_friedman(a, p_adjust="holm")),
    "wilcoxon_holm": (wilcoxon_holm, lambda a: posthocs.posthoc_wilcoxon(a.T, p_adjust="holm")),
}


@pytest.mark.parametrize("name", CASES)
def test_post_hoc_tests_agree_with_scikit_posthocs(name):
    ours, theirs = CASES[name]
    for scores in tables():
        np.testing.assert_allclose(ours(scores), theirs(scores).to_numpy(), rtol=1e-9, atol=1e-9)


def test_friedman_agrees_with_scipy():
    for scores in tables():
        expected, test = stats.friedmanchisquare(*scores.T), friedman(scores)
        np.testing.assert_allclose([test.statistic, test.p], expected, rtol=1e-9)


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="statsmodels is not installed")
    rng = np.random.default_rng(3)
    for m in (1, 2, 5, 40):
        p = np.round(rng.uniform(size=m) ** 3, 2)
        np.testing.assert_allclose(holm(p), multitest.multipletests(p, method="holm")[1], rtol=1e-12)
