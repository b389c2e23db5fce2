"""How to test a rule: without a harness, against numbers that someone else has computed, and against the contract."""

from pathlib import Path

import numpy as np
import pytest

from optibench.plugin.registry import Registry, Sources
from optibench.verify import verify

FOUND = Registry(Sources(folders=(str(Path(__file__).with_name("cautious_lion.py")),)))
RULE = FOUND.get("optimizer", "cautious_lion")
CHECKS = list(verify(RULE, FOUND))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.reference)
def test_it_is_right(check):
    assert check.ok, check


def test_it_follows_a_third_party_s_trace():
    assert [check.reference.partition(":")[0] for check in CHECKS if check.kind == "trace"] == ["cautious_lion"]


def test_it_moves_where_it_agrees_and_the_further_the_fewer_do():
    w, g, m = np.zeros((1, 3)), np.array([[1.0, 1.0, -1.0]]), np.array([[1.0, -1.0, -1.0]])
    moved, _ = RULE(w, g, m, lr=0.5, beta1=0.9, beta2=0.99)
    np.testing.assert_allclose(moved, [[-0.5, 0, 0.5]])
