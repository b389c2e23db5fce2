"""DeepOBS's quadratic_deep: its definition's checks, and every published final loss."""

from __future__ import annotations

import json

import numpy as np
import pytest

from optibench.plugin.registry import registry
from optibench.problems.deepobs import hessian
from optibench.verify.deepobs import Comparison

PROBLEM = registry().get("problem", "deepobs-quadratic-deep")()


def test_loss(w):
    """The mean over the test points."""
    return PROBLEM.value_grad(np.asarray(w, float)[None], *(array[None] for array in PROBLEM.test))[0][0]


test_loss.__test__ = False


def test_the_hessian_is_that_of_the_definition():
    eigenvalues = np.linalg.eigvalsh(hessian())
    assert np.trace(hessian()) == pytest.approx(477.6122795950, abs=1e-9)
    assert eigenvalues[[0, -1]] == pytest.approx([0.005522117124, 53.129015399], abs=1e-9)
    assert hessian()[0, :3] == pytest.approx([6.22142944, 1.1270199, -0.54728195], abs=1e-8)


def test_the_data_are_those_of_the_definition():
    assert [array.shape for array in (*PROBLEM.train, *PROBLEM.test)] == [(1000, 100), (1000, 1), (896, 100), (896, 1)]
    assert test_loss(np.ones(100)) == pytest.approx(353.446765466, abs=1e-8)
    assert test_loss(np.zeros(100)) == pytest.approx(86.92642045, abs=1e-8)
    assert test_loss(PROBLEM.test[0].mean(axis=0)) == pytest.approx(86.87352695, abs=1e-8)


def test_the_loss_is_the_mean_over_points_of_the_quadratic():
    w = np.random.default_rng(0).standard_normal(100)
    d = w - PROBLEM.test[0]
    assert test_loss(w) == pytest.approx((0.5 * ((d @ hessian()) * d).sum(axis=1)).mean(), rel=1e-12)


def test_all_72_published_losses_are_reproduced(command):
    status, out, err = command("verify", "deepobs", "--json")
    rows = json.loads(out)
    assert (status, err, len(rows)) == (0, "", 72) and all(row["ok"] for row in rows)
    assert {row["seeds"] for row in rows} == {10} and sum(row["diverged"] == 10 for row in rows) == 34
    best = next(row for row in rows if row["optimizer"] == "momentum" and row["lr"] == 0.00251189)
    assert best["published"] == 87.045041 and best["mean"] == pytest.approx(87.05, abs=0.03)


def test_a_verdict_needs_the_loss_and_the_outcome():
    facts = {
        "optimizer": "gd",
        "lr": 0.1,
        "published": 100.0,
        "mean": 100.05,
        "deviation": 0.0,
        "diverged": 0,
        "seeds": 10,
    }
    assert Comparison(**facts).ok and not Comparison(**{**facts, "mean": 100.2}).ok
    assert Comparison(**{**facts, "mean": 100.2, "deviation": 0.1}).ok
    assert not Comparison(**{**facts, "diverged": 1}).ok
    lost = {**facts, "published": float("nan")}
    assert not Comparison(**lost).ok and Comparison(**{**lost, "diverged": 10}).ok


def test_deepobs_stands_alone(command):
    status, _, err = command("verify", "deepobs", "adam")
    assert status == 2 and err == "error: deepobs is not an optimizer; verify it alone\n"
